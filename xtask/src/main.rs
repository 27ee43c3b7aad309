//! The checks of this repository that no ready-made tool does: `cargo xtask <task>`.

mod behaviours;
mod cargo;
mod conformance;
mod crates;
mod faults;
mod features;
mod fuzz;
mod links;
mod mutants;
mod pitfalls;
mod proofs;
mod rust_file;
mod scorecard;
mod secrets;
mod settings;
mod streaming;
mod structure;
mod tree;
mod vendors;
mod words;

use std::{
    env,
    fmt::Display,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// A check: what it is called, what it does, and how it is done.
struct Task {
    name: &'static str,
    about: &'static str,
    run: fn(&Path) -> Result<(), Failure>,
}

const TASKS: [Task; 15] = [
    Task {
        name: "behaviours",
        about: "prints the tests of each behaviour in docs/behaviours.md, and finds gaps",
        run: behaviours::check,
    },
    Task {
        name: "conformance",
        about: "prints how each provider did in each check of its suite, and finds gaps",
        run: conformance::check,
    },
    Task {
        name: "crates",
        about: "counts the crates that voiceagent-core pulls in",
        run: crates::check,
    },
    Task {
        name: "faults",
        about: "checks that the tests of each fault in docs/reliability.md are there",
        run: faults::check,
    },
    Task {
        name: "features",
        about: "checks voiceagent-providers with no feature and with each one alone",
        run: features::check,
    },
    Task {
        name: "fuzz",
        about: "plays damaged inputs to all that reads from outside; --seconds 600, and a name",
        run: fuzz::check,
    },
    Task {
        name: "links",
        about: "checks that each link of the pages leads somewhere, and the index to each page",
        run: links::check,
    },
    Task {
        name: "mutants",
        about: "breaks the session in one place after the other, and counts what its tests notice",
        run: mutants::check,
    },
    Task {
        name: "pitfalls",
        about: "checks that each pitfall of carriers in docs/carriers.md has its tests",
        run: pitfalls::check,
    },
    Task {
        name: "scorecard",
        about: "checks that each promise of reliability has a command and a figure; --run, --write",
        run: scorecard::check,
    },
    Task { name: "secrets", about: "looks for keys and tokens in the tree", run: secrets::check },
    Task {
        name: "streaming",
        about: "checks that no message of a vendor becomes a tree of values",
        run: streaming::check,
    },
    Task {
        name: "structure",
        about: "checks the shape of the code: lengths, names, depth, purity of the session, times",
        run: structure::check,
    },
    Task {
        name: "vendors",
        about: "checks that each vendor stands wherever it has to, and says where one does not",
        run: vendors::check,
    },
    Task {
        name: "words",
        about: "looks for words that must not be in the tree",
        run: words::check,
    },
];

/// Why a check did not pass, one line for each reason.
#[derive(Debug)]
struct Failure(Vec<String>);

impl<T: Display> From<T> for Failure {
    fn from(reason: T) -> Self {
        Self(vec![reason.to_string()])
    }
}

fn main() -> ExitCode {
    let wanted = env::args().nth(1).unwrap_or_default();
    let Some(task) = TASKS.iter().find(|task| task.name == wanted) else {
        eprintln!("usage: cargo xtask <task>\n");
        for task in TASKS {
            eprintln!("  {:<11} {}", task.name, task.about);
        }
        return ExitCode::FAILURE;
    };
    match (task.run)(&root()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(reasons)) => {
            for reason in &reasons {
                eprintln!("{reason}");
            }
            eprintln!("{}: {} found", task.name, reasons.len());
            ExitCode::FAILURE
        }
    }
}

/// The folder of the workspace.
fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().expect("xtask lies inside the workspace").to_owned()
}
