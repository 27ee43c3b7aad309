//! Stand-ins for every contract.
