mod calls;
mod guide;
mod model;
