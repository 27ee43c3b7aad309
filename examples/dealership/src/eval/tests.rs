use std::path::{Path, PathBuf};

use super::*;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/eval").join(name)
}

async fn verdicts(name: &str) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for scenario in scenarios(&folder(name)).unwrap() {
        verdicts.push(judge(&scenario).await);
    }
    verdicts
}

#[tokio::test]
async fn scenarios_pass() {
    let verdicts = verdicts("scenarios").await;
    println!("{}", render(&verdicts, true));
}
