//! `drover doctor`

use serde_json::json;

use super::{
    error::CliError,
    output::{Progress, say, say_json},
    terminal::{self, Tone},
};
use crate::{
    config::Config,
    daemon,
    doctor::{self, Finding, Verdict},
};

/// The examples below the help.
pub(super) const EXAMPLES: &str = "\
Examples:
  drover doctor
  drover doctor --json | jq '.checks[] | select(.verdict != \"ok\")'

Ends with 0 when nothing fails (warnings do not count), else with 1.";

/// How wide a line of advice is where no terminal tells.
const WIDE: usize = 120;
/// What a finding's text stands behind.
const INDENT: usize = 17;

/// How to show it.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// JSON.
    #[arg(long)]
    json: bool,
}

/// Looks at everything that drover needs.
pub(super) async fn doctor(config: &Config, args: &Args) -> Result<(), CliError> {
    let progress = Progress::begin("looking at Chromium, Redis, the database, the machine and the network");
    let findings = doctor::examine(config, &daemon::database_url(config, &config.data.dir)).await;
    drop(progress);
    let worst = findings.iter().map(|finding| finding.verdict).max().unwrap_or(Verdict::Ok);
    if args.json {
        let checks = findings.iter().map(|finding| {
            json!({ "check": finding.check, "verdict": finding.verdict.as_str(), "found": finding.found,
                "advice": finding.advice })
        });
        say_json(&json!({ "verdict": worst.as_str(), "checks": checks.collect::<Vec<_>>() }))?;
    } else {
        let width = terminal::columns().unwrap_or(WIDE);
        findings.iter().flat_map(|finding| lines(finding, width)).try_for_each(|line| say(&line))?;
    }
    match worst {
        Verdict::Fail => {
            let failed: Vec<_> =
                findings.iter().filter(|finding| finding.verdict == worst).map(|finding| finding.check).collect();
            Err(CliError::NotDone(format!("not well: {}", failed.join(", "))))
        }
        _ => Ok(()),
    }
}

fn lines(finding: &Finding, width: usize) -> Vec<String> {
    let word = finding.verdict.as_str();
    let word = Tone::of(word).map_or_else(|| word.to_owned(), |tone| tone.paint(&format!("{word:<4}")));
    let check = Tone::Heading.paint(&format!("{:<10}", finding.check));
    let mut lines = wrapped(&finding.found, width.saturating_sub(INDENT)).into_iter();
    let first = format!("{word}  {check} {}", lines.next().unwrap_or_default());
    let rest = lines.chain(wrapped(&finding.advice, width.saturating_sub(INDENT)));
    std::iter::once(first).chain(rest.map(|line| format!("{}{line}", " ".repeat(INDENT)))).collect()
}

/// The text in lines of at most so many characters, broken at blanks.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_has_its_verdict_its_name_and_what_to_do_beneath() {
        let finding = Finding {
            check: "redis",
            verdict: Verdict::Fail,
            found: "nobody answers".to_owned(),
            advice: "start it, or correct REDIS_URL".to_owned(),
        };
        assert_eq!(
            lines(&finding, 40),
            ["fail  redis      nobody answers", "                 start it, or correct", "                 REDIS_URL"]
        );
    }

    #[test]
    fn a_word_that_is_longer_than_a_line_has_one_of_its_own() {
        assert_eq!(wrapped("a verylongword b", 5), ["a", "verylongword", "b"]);
        assert!(wrapped("", 5).is_empty());
    }
}
