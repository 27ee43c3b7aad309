//! The unit by which systemd runs the program.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use clap::Args;
use voiceagent_core::{Error, Result};

/// The unit as it is deployed, with the places that it names.
const UNIT: &str = include_str!("../deploy/systemd/dealership.service");
const START: &str = "/usr/local/bin/dealership serve --config /etc/dealership/dealership.toml";
const ENVIRONMENT: &str = "/etc/dealership/environment";

/// What is done about the unit.
#[derive(Args, Clone, Debug)]
#[non_exhaustive]
pub struct UnitCommand {
    /// The unit to write; `-` shows it.
    #[arg(long, default_value = "/etc/systemd/system/dealership.service")]
    pub to: PathBuf,
    /// The file with the keys, readable for root alone.
    #[arg(long, default_value = ENVIRONMENT)]
    pub environment: PathBuf,
    /// Writes over a unit that says something else.
    #[arg(long)]
    pub force: bool,
}

impl UnitCommand {
    /// Writes the unit that runs this program with the configuration `file`, and says what to do
    /// next.
    ///
    /// # Errors
    ///
    /// [`Config`](voiceagent_core::ErrorKind::Config) without a file, where a name cannot stand in a
    /// unit, where the unit cannot be written, or another one is there.
    pub fn run(&self, file: Option<&Path>) -> Result<String> {
        let file = file.ok_or_else(|| {
            Error::config("--config: name the configuration file that the unit is to use")
        })?;
        let program = env::current_exe().map_err(|error| {
            Error::config("where the program is, is not known").with_source(error)
        })?;
        let unit = unit(&program, &whole(file)?, &whole(&self.environment)?)?;
        if self.to == Path::new("-") {
            return Ok(unit);
        }
        let at = self.to.display();
        match fs::read_to_string(&self.to) {
            Ok(other) if other != unit && !self.force => {
                return Err(Error::config(format!(
                    "--to: {at} is there, and says something else; look at it, and say --force"
                )));
            }
            _ => fs::write(&self.to, unit).map_err(|error| {
                Error::config(format!("--to: {at}: {error}")).with_source(error)
            })?,
        }
        let keys = self.environment.display();
        let name = self.to.file_name().unwrap_or_default().to_string_lossy();
        Ok(format!(
            "{at} is written. Next:\n  \
             put the keys into {keys}, and see that root alone can read it: chmod 0600 {keys}\n  \
             systemctl daemon-reload && systemctl enable --now {name}\n  \
             dealership doctor --remote --config {}\n",
            file.display()
        ))
    }
}

/// A unit starts in a folder of its own.
fn whole(file: &Path) -> Result<PathBuf> {
    std::path::absolute(file)
        .map_err(|error| Error::config("a file has no whole name").with_source(error))
}

fn unit(program: &Path, file: &Path, environment: &Path) -> Result<String> {
    let [program, file, environment] = [program, file, environment].map(word);
    let (program, file, environment) = (program?, file?, environment?);
    // The program is looked for where it stands, and the text is ours: both are there once.
    Ok(UNIT
        .replace(START, &format!("{program} serve --config {file}"))
        .replace(ENVIRONMENT, &environment))
}

/// A name as it stands in a unit ("systemd.service", "Command lines"): without what would mean
/// something there.
fn word(path: &Path) -> Result<String> {
    let text = path.to_string_lossy();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@".contains(c);
    if text.chars().all(is_plain) {
        return Ok(text.into_owned());
    }
    Err(Error::config(format!(
        "{text}: a unit needs a name of letters, digits and `/._-+@` alone; move it"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_starts_this_program_with_its_configuration_and_its_keys() {
        let place = Path::new("/opt/nair/dealership");
        let unit = unit(place, Path::new("/srv/a.toml"), Path::new("/srv/keys")).unwrap();
        assert!(unit.contains("\nExecStart=/opt/nair/dealership serve --config /srv/a.toml\n"));
        assert!(unit.contains("\nEnvironmentFile=/srv/keys\n"), "{unit}");
        assert!(!unit.contains("/usr/local") && unit.contains("\nDynamicUser=yes\n"));
        for wrong in ["/srv/a b.toml", "/srv/$HOME", "/srv/100%", "/srv/a;b"] {
            let error = super::unit(place, Path::new(wrong), Path::new("/srv/keys")).unwrap_err();
            assert!(error.message().contains("a unit needs a name"), "{wrong}: {error}");
        }
    }

    #[test]
    fn a_unit_is_written_and_another_one_is_left_alone() {
        let folder = env::temp_dir().join(format!("unit-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let mut command = UnitCommand {
            to: folder.join("dealership.service"),
            environment: ENVIRONMENT.into(),
            force: false,
        };
        let told = command.run(Some(Path::new("a.toml"))).unwrap();
        assert!(told.contains("systemctl enable --now dealership.service"), "{told}");
        let written = fs::read_to_string(&command.to).unwrap();
        let file = env::current_dir().unwrap().join("a.toml");
        assert!(written.contains(&format!("serve --config {}", file.display())), "{written}");
        command.run(Some(Path::new("a.toml"))).expect("the same is no other one");
        let other = command.run(Some(Path::new("b.toml"))).unwrap_err();
        assert!(other.message().contains("--force"), "{other}");
        command.force = true;
        command.run(Some(Path::new("b.toml"))).unwrap();
        assert!(command.run(None).unwrap_err().message().starts_with("--config"));
        fs::remove_dir_all(&folder).unwrap();
    }
}
