//! The end of a roll on one page: what it covers, and of what it does not how much for which reason.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use rolecall_roll::{Coverage, Header, Missing, Statistics};

use super::sink::Look;
use super::table::printable;

/// The page.
pub(super) fn render(header: &Header, coverage: &Coverage, statistics: &Statistics, look: Look) -> String {
    let mut page = String::new();
    let (word, colour) = if coverage.is_complete {
        ("ROLL COMPLETE", AnsiColor::Green)
    } else {
        ("ROLL INCOMPLETE", AnsiColor::Red)
    };
    let style = if look.colours { colour.on_default().bold() } else { Style::new() };
    let organization = header.organization.as_ref().map_or(String::new(), |it| format!("   {}", it.id));
    // Writing to a String does not fail.
    let _ = writeln!(
        page,
        "{style}{word}{style:#}{organization}   run {}   {}   {}",
        header.run_id,
        header.as_of.strftime("%Y-%m-%dT%H:%MZ"),
        time(statistics.elapsed_ms)
    );
    if let Some(caller) = &header.caller {
        let _ = writeln!(page, "caller {} {}", caller.account_id, printable(of_arn(&caller.arn)));
    }
    let mut line = |number: usize, words: &str, what: &str| {
        let _ = writeln!(page, "{}", format!("{:>7} {words:<9}  {what}", grouped(number)).trim_end());
    };
    match coverage.listed {
        Some(listed) if listed != coverage.accounts => {
            line(
                listed,
                "accounts",
                &format!("listed by AWS Organizations, {} chosen", grouped(coverage.accounts)),
            );
        }
        Some(listed) => line(listed, "accounts", "listed by AWS Organizations"),
        None => line(coverage.accounts, if coverage.accounts == 1 { "account" } else { "accounts" }, ""),
    }
    let is_total = coverage.control_total == u64::try_from(coverage.users).ok() && coverage.complete > 0;
    let total = if is_total { " (= account summaries)" } else { "" };
    let read = format!("{} users{total}, {} keys", grouped(coverage.users), grouped(coverage.access_keys));
    line(coverage.complete, "complete", &read);
    group(
        &mut line,
        "partial",
        coverage.partial.iter().map(|(reason, it)| (for_how_many(reason, *it), it.accounts)),
    );
    let groups = [("denied", &coverage.denied), ("failed", &coverage.failed), ("skipped", &coverage.skipped)];
    for (word, reasons) in groups {
        group(&mut line, word, reasons.iter().map(|(reason, number)| (reason.clone(), *number)));
    }
    if !coverage.accepted.is_empty() {
        let gaps: Vec<String> = coverage
            .accepted
            .iter()
            .map(|gap| {
                format!(
                    "gap: {}, owner {}, until {}",
                    printable(&gap.reason),
                    printable(&gap.owner),
                    gap.until
                )
            })
            .collect();
        line(gaps.len(), "accepted", &gaps.join("; "));
    }
    if !coverage.is_complete && header.targets.len() > 1 {
        let _ = writeln!(
            page,
            "{:>7} the same command with --roll FILE asks again what is missing, and that alone",
            "retry"
        );
    }
    for gap in &coverage.lapsed {
        let (account, owner, until) = (&gap.account_id, printable(&gap.owner), gap.until);
        let _ =
            writeln!(page, "the gap of {account}, owner {owner}, was accepted until {until}, and is no more");
    }
    page
}

/// A line for each reason, the most frequent first; the first line has how many they are together.
fn group(
    line: &mut impl FnMut(usize, &str, &str),
    word: &str,
    reasons: impl Iterator<Item = (String, usize)>,
) {
    let mut sorted: Vec<(String, usize)> = reasons.collect();
    sorted.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    let all: usize = sorted.iter().map(|(_, number)| number).sum();
    match &sorted[..] {
        [] => {}
        [(reason, _)] => line(all, word, &printable(reason)),
        several => {
            let lines: Vec<String> =
                several.iter().map(|(reason, number)| format!("{number} {}", printable(reason))).collect();
            line(all, word, &lines.join(&format!("\n{:19}", "")));
        }
    }
}

/// What is missing and why, with how many users or keys it is missing of: `last use unknown for 41 keys: throttled`.
fn for_how_many(reason: &str, missing: Missing) -> String {
    let (what, why) = reason.split_once(": ").unwrap_or((reason, ""));
    let of = |number: usize, one: &str| {
        let s = if number == 1 { "" } else { "s" };
        format!("{what} for {} {one}{s}: {why}", grouped(number))
    };
    match missing {
        Missing { access_keys: keys @ 1.., .. } => of(keys, "key"),
        Missing { users: users @ 1.., .. } => of(users, "user"),
        _ => reason.to_owned(),
    }
}

/// What an ARN is of, without the account, which stands beside it.
fn of_arn(arn: &str) -> &str {
    arn.splitn(6, ':').nth(5).unwrap_or(arn)
}

/// A time as people say it.
pub(super) fn time(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    match seconds {
        0..10 => format!("{}.{} s", seconds, milliseconds % 1000 / 100),
        10..120 => format!("{seconds} s"),
        _ => format!("{}m{:02}s", seconds / 60, seconds % 60),
    }
}

/// A number with its thousands apart.
pub(super) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{grouped, time};

    #[test]
    fn numbers_and_times_are_said_as_people_say_them() {
        assert_eq!([0, 999, 1_000, 8_204_001].map(grouped), ["0", "999", "1,000", "8,204,001"]);
        assert_eq!([340, 9_999, 60_000, 108_000].map(time), ["0.3 s", "9.9 s", "60 s", "108 s"]);
        assert_eq!(time(125_000), "2m05s");
    }
}
