//! A step of a remedy: commands to paste into bash or zsh, which stop where the credentials are of another account.

use std::fmt::Write as _;

use rolecall_roll::AccountId;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::finding::{Text, owned};

/// How to fix a finding, step by step. Each step is pasted by itself, after the step before it has had its effect.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Remediation<'a> {
    /// The steps in their order. The first one deletes nothing.
    pub steps: Vec<Step<'a>>,
}

/// One step of a remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step<'a> {
    pub(crate) title: Text<'a>,
    /// Whether it deletes something that nobody can bring back.
    pub cannot_be_undone: bool,
    pub(crate) guard: Guard<'a>,
    pub(crate) commands: Vec<Text<'a>>,
}

/// The account whose credentials the commands of a step need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Guard<'a> {
    /// This account.
    Account(AccountId),
    /// The management account, from which the commands get a session as the root user of a member account.
    MemberRoot {
        /// The management account of the organization.
        management: AccountId,
        /// The member account.
        member: AccountId,
        /// The partition of both, such as `aws`.
        partition: Text<'a>,
        /// The AWS managed policy that limits the session.
        task_policy: Text<'a>,
    },
}

impl<'a> Step<'a> {
    /// A step whose effect can be undone. The title is a sentence without a full stop, and without characters that a shell
    /// interprets.
    pub(super) fn new<T: Into<Text<'a>>>(
        title: impl Into<Text<'a>>,
        guard: Guard<'a>,
        commands: impl IntoIterator<Item = T>,
    ) -> Self {
        let commands = commands.into_iter().map(Into::into).collect();
        Self { title: title.into(), cannot_be_undone: false, guard, commands }
    }

    /// A step that deletes something.
    pub(super) fn deleting<T: Into<Text<'a>>>(
        title: impl Into<Text<'a>>,
        guard: Guard<'a>,
        commands: impl IntoIterator<Item = T>,
    ) -> Self {
        Self { cannot_be_undone: true, ..Self::new(title, guard, commands) }
    }

    fn into_owned(self) -> Step<'static> {
        let guard = match self.guard {
            Guard::Account(account) => Guard::Account(account),
            Guard::MemberRoot { management, member, partition, task_policy } => {
                let [partition, task_policy] = [partition, task_policy].map(owned);
                Guard::MemberRoot { management, member, partition, task_policy }
            }
        };
        let commands = self.commands.into_iter().map(owned).collect();
        Step { title: owned(self.title), cannot_be_undone: self.cannot_be_undone, guard, commands }
    }

    /// When to take the step, and what it does.
    #[must_use]
    pub fn title(&self) -> String {
        let mut title = String::new();
        self.push_title(&mut title);
        title
    }

    fn push_title(&self, text: &mut String) {
        text.push_str(&self.title);
        if self.cannot_be_undone {
            text.push_str(". This cannot be undone");
        }
        text.push('.');
    }

    /// The commands of the step, for bash and zsh. They are in a subshell: a command that fails ends it, and not the shell
    /// into which it was pasted.
    #[must_use]
    pub fn block(&self) -> String {
        let mut block = String::new();
        self.push_block(&mut block);
        block
    }

    fn push_block(&self, text: &mut String) {
        self.push_opening(text);
        self.push_body(text);
        text.push_str(BLOCK_END);
    }

    /// The beginning of the block, which is the same for all steps with the same guard.
    #[must_use]
    pub(crate) fn opening(&self) -> String {
        let mut opening = String::new();
        self.push_opening(&mut opening);
        opening
    }

    fn push_opening(&self, lines: &mut String) {
        lines.push_str("(\n  set -e\n");
        match &self.guard {
            Guard::Account(account) => push_guard(lines, account),
            Guard::MemberRoot { management, member, partition, task_policy } => {
                push_guard(lines, management);
                // Writing to a String does not fail.
                let _ = write!(
                    lines,
                    "  session=$(aws sts assume-root --target-principal {member} \
                     --task-policy-arn arn=arn:{partition}:iam::aws:policy/root-task/{task_policy} \
                     --query 'Credentials.[AccessKeyId,SecretAccessKey,SessionToken]' --output text)\n  \
                     read -r AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN <<< \"$session\"\n  \
                     export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN\n"
                );
                push_guard(lines, member);
            }
        }
    }

    /// The commands without the guard, each on its own line.
    #[must_use]
    pub(crate) fn body(&self) -> String {
        let mut body = String::new();
        self.push_body(&mut body);
        body
    }

    fn push_body(&self, lines: &mut String) {
        for command in &self.commands {
            lines.push_str("  ");
            lines.push_str(command);
            lines.push('\n');
        }
    }
}

/// The end of each block, after its commands.
pub(crate) const BLOCK_END: &str = ")";

/// Ends the subshell unless the credentials are of this account. Also without credentials, and where `set -e` has no effect.
fn push_guard(lines: &mut String, account: &AccountId) {
    for part in [
        "  account=$(aws sts get-caller-identity --query Account --output text)\n  [ \"$account\" = ",
        account.as_str(),
        " ] || { echo \"Stopped: the credentials are of account $account, not ",
        account.as_str(),
        ".\" >&2; exit 1; }\n",
    ] {
        lines.push_str(part);
    }
}

impl Remediation<'_> {
    pub(crate) fn into_owned(self) -> Remediation<'static> {
        Remediation { steps: self.steps.into_iter().map(Step::into_owned).collect() }
    }

    /// The remedy as one text, for formats that have one text for it. Who pastes all of it runs the first step only: of the
    /// later steps it has the titles.
    #[must_use]
    pub fn to_text(&self) -> String {
        let Some((first, later)) = self.steps.split_first() else { return String::new() };
        // Long enough for most: a large roll has a million of these texts.
        let mut text = String::with_capacity(512);
        text.push_str(if later.is_empty() { "# " } else { "# Step 1: " });
        first.push_title(&mut text);
        text.push('\n');
        first.push_block(&mut text);
        for (number, step) in (2..).zip(later) {
            // Writing to a String does not fail.
            let _ = write!(text, "\n# Step {number}: ");
            step.push_title(&mut text);
        }
        if !later.is_empty() {
            text += "\n# The json and html formats have the commands of the later steps.";
        }
        text
    }
}

impl Serialize for Step<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut step = serializer.serialize_struct("Step", 3)?;
        step.serialize_field("title", &self.title())?;
        step.serialize_field("cannot_be_undone", &self.cannot_be_undone)?;
        step.serialize_field("commands", &self.block())?;
        step.end()
    }
}
