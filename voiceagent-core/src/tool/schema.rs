/// Temporary.
#[derive(Debug)]
pub struct Schema;
impl Schema {
    /// Temporary.
    pub fn compile(_: &serde_json::Value) -> crate::Result<Self> {
        Ok(Self)
    }
    /// Temporary.
    pub fn validate(&self, _: &serde_json::Value) -> Result<(), String> {
        Ok(())
    }
}
