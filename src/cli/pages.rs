//! `suq completions` and `suq man`

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, Exit, output, stratuslab};

/// Print shell completions.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  suq completions bash > /etc/bash_completion.d/suq")]
pub(crate) struct Completions {
    /// For which shell
    shell: Shell,
}

/// Print the manual page.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  suq man > /usr/local/share/man/man1/suq.1")]
pub(crate) struct Man {}

impl Completions {
    pub(super) fn run(self) -> Result<(), Exit> {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "suq", &mut text);
        output::raw(&text);
        Ok(())
    }
}

impl Man {
    pub(super) fn run(self) -> Result<(), Exit> {
        let mut text = Vec::new();
        clap_mangen::Man::new(Cli::command())
            .render(&mut text)
            .map_err(|error| Exit::failed(error.to_string()))?;
        let names: Vec<String> = stratuslab::names().map(|name| name.replace('-', "\\-")).collect();
        let links = format!(
            ".SH \"STRATUSLAB COMMANDS\"\nThrough links of their names, which \\fBsuq links\\fR \
             makes, this program is also the commands of StratusLab's client: {}. Each has \
             \\fB\\-\\-help\\fR.\n",
            names.join(", ")
        );
        text.extend_from_slice(links.as_bytes());
        output::raw(&text);
        Ok(())
    }
}
