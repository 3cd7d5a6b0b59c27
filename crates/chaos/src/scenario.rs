//! How a world is read: which facts, at which pace, and what stops the run. All of it follows from the seed.

use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::time::{SharedTimeSource, TimeSource};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use fastrand::Rng;
use rolecall_core::collect::parse_facts;
use rolecall_core::connect::ClientConfig;
use rolecall_core::options::row::{OptionSet, Origin};
use rolecall_core::options::targets::TargetOptions;
use rolecall_core::targets::plan::ListedAccounts;
use rolecall_core::targets::{TargetPlan, accounts_file};
use rolecall_core::{Limits, Scanner, Settings};
use rolecall_roll::{FactKind, FactSelection, Partition, UserSource};

use crate::check::Requested;
use crate::fault::Plan;
use crate::secrets;
use crate::selection::Selection;
use crate::server::{CALLER_KEY, Server};
use crate::world::World;

/// How a run of a seed goes.
#[derive(Debug)]
pub(crate) struct Scenario {
    pub(crate) world: Arc<World>,
    pub(crate) selection: Selection,
    pub(crate) plan: Plan,
    pub(crate) settings: Settings,
    /// What the caller's clock is ahead of AWS's, in seconds.
    pub(crate) skew: i64,
    pub(crate) stop: Stop,
    pub(crate) rng: Rng,
}

/// What ends a run before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    Never,
    /// It is cancelled after this number of accounts, as by a signal.
    Cancelled(usize),
    Deadline(Duration),
    /// It dies after this number of accounts, and another run resumes its file.
    Killed(usize),
}

impl Scenario {
    /// The scenario of a seed. In real time, timeouts are short.
    pub(crate) fn generate(seed: u64, is_real_time: bool) -> Self {
        let mut rng = Rng::with_seed(seed);
        let world = World::generate(&mut rng);
        let selection = Selection::generate(&mut rng, &world);
        let facts = if rng.u8(..8) == 0 { "default" } else { "all" };
        let facts = parse_facts(facts).expect("names of sets");
        let plan = Plan::generate(&mut rng, &world, &facts.iter().copied().collect::<Vec<_>>());
        let user_source = if rng.u8(..3) == 0 { UserSource::CredentialReport } else { UserSource::Live };
        let seconds = |simulated, real| Duration::from_secs(if is_real_time { real } else { simulated });
        let limits = Limits {
            concurrency: rng.usize(1..9),
            account_concurrency: rng.usize(1..9),
            max_attempts: rng.u32(1..5),
            initial_backoff: Duration::from_millis(1),
            max_backoff: Duration::from_millis(if is_real_time { 5 } else { 2000 }),
            attempt_timeout: seconds(30, 1),
            account_timeout: seconds(rng.u64(20..600), 8),
            canary: rng.usize(..6),
            ..Limits::default()
        };
        let stop = match rng.u8(..8) {
            0 => Stop::Cancelled(rng.usize(..4)),
            1 => Stop::Deadline(seconds(rng.u64(1..60), 2)),
            2 | 3 => Stop::Killed(rng.usize(..4)),
            _ => Stop::Never,
        };
        let facts = FactSelection { facts, user_source, ..FactSelection::default() };
        let mut settings = Settings { limits, selection: facts, ..Settings::default() };
        settings.session.duration = Duration::from_mins(rng.u64(15..60));
        let skew =
            if rng.u8(..16) == 0 { *rng.choice(&[-1200, -600, 600, 1200]).expect("a number") } else { 0 };
        Self { world: Arc::new(world), selection, plan, settings, skew, stop, rng }
    }

    /// A small world without faults, of which everything, the tags of its accounts too, is read with the caller's credentials.
    pub(crate) fn small(has_organization: bool) -> Self {
        let facts = parse_facts("all").expect("names of sets");
        let limits = Limits { max_attempts: 1, ..Limits::default() };
        let facts = FactSelection { facts, ..FactSelection::default() };
        Self {
            world: Arc::new(World::small(has_organization)),
            selection: Selection { fetches_tags: has_organization, ..Selection::default() },
            plan: Plan::none(0),
            settings: Settings { limits, selection: facts, ..Settings::default() },
            skew: 0,
            stop: Stop::Never,
            rng: Rng::with_seed(0),
        }
    }

    /// The facts that the records must have.
    pub(crate) fn requested(&self) -> Requested {
        let facts = self.settings.selection.facts.iter();
        // An organization says once for all accounts whether it manages root credentials.
        let is_in_records =
            |fact: &&FactKind| self.world.organization.is_none() || **fact != FactKind::RootCredentials;
        facts.filter(is_in_records).map(|fact| fact.name().to_owned()).collect()
    }

    /// Whether everything must be read.
    pub(crate) fn is_undisturbed(&self) -> bool {
        self.plan.rules.is_empty() && self.skew == 0 && self.stop == Stop::Never
    }

    pub(crate) fn targets(&self) -> TargetPlan {
        let mut options = TargetOptions::default();
        let mut set =
            |key, values: &[String]| options.set(key, values, Origin::Flag).expect("a valid option");
        for (key, values) in self.selection.options(&self.world) {
            set(key, &values);
        }
        set("external_id", &[secrets::external_id()]);
        let accounts =
            self.selection.file(&self.world).map(|text| accounts_file::parse(&text).expect("accounts"));
        let listed = accounts.map(|accounts| ListedAccounts { accounts, origin: Origin::Flag });
        TargetPlan::new(options, listed, &[]).expect("targets")
    }

    /// A scanner over this client, whose clock follows that of the server.
    pub(crate) async fn scanner(&self, client: SharedHttpClient, endpoint: &str, server: &Server) -> Scanner {
        let token = Some(secrets::caller_session_token());
        let caller = Credentials::new(CALLER_KEY, secrets::caller_secret_access_key(), token, None, "chaos");
        let clock = Clock { server: server.clone(), skew: self.skew };
        let config = ClientConfig {
            http_client: client,
            region: Some("us-east-1".to_owned()),
            profile: None,
            credentials: Some(SharedCredentialsProvider::new(caller)),
            partition: Partition::Aws,
            time: SharedTimeSource::new(clock),
        };
        let limits = &self.settings.limits;
        let config = config.sdk_config(limits).await.expect("valid endpoints");
        Scanner::new(config.into_builder().endpoint_url(endpoint).build(), limits)
    }
}

#[derive(Debug)]
struct Clock {
    server: Server,
    skew: i64,
}

impl TimeSource for Clock {
    fn now(&self) -> std::time::SystemTime {
        let now = self.server.now() + jiff::SignedDuration::from_secs(self.skew);
        std::time::UNIX_EPOCH + Duration::from_millis(u64::try_from(now.as_millisecond()).unwrap_or_default())
    }
}

/// The client over connections in memory.
pub(crate) fn in_memory(server: &Server) -> SharedHttpClient {
    SharedHttpClient::new(crate::wire::Wire(server.clone()))
}
