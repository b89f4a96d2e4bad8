//! All kinds of sources, as one table. A new kind is a folder under `sources/` and a row here.

use std::collections::BTreeSet;
use std::path::PathBuf;

use catalog::model::{SourceId, UpstreamSpec};
use plugins::Keyring;
use tokio::sync::watch;

use crate::aws::{self, Aws, is_region};
use crate::documents::Documents;
use crate::eligibility::Rules;
use crate::source::Source;
use crate::sources::aws::{self as lambda, Lambda};
use crate::sources::clouds::Clouds;
use crate::sources::consul::{self, Consul, InUse};
use crate::sources::ec2::{self, Ec2};
use crate::sources::kubernetes::{self, Kubernetes, Place};
use crate::sources::resources::Resources;
use crate::sources::{files, fixed};

/// One kind of source.
pub struct SourceKind {
    /// Its name in the catalog's vocabulary, and in `--source KIND`.
    pub name: &'static str,
    /// What it watches, in a line.
    pub about: &'static str,
    /// What configures it: a flag as the command line has it.
    pub by: &'static str,
    /// Whether `--source` names it.
    pub selectable: bool,
    /// The sources of this kind that the settings ask for. Opens no connection.
    pub open: fn(&Settings) -> Result<Opened, SettingsError>,
}

/// Every kind, in the order in which newcomers get names.
pub static SOURCE_KINDS: &[SourceKind] = &[
    SourceKind {
        name: "static",
        about: "upstreams given on the command line",
        by: "--upstream NAME=URL",
        selectable: false,
        open: open_fixed,
    },
    SourceKind {
        name: "files",
        about: "resources in watched files",
        by: "--resources PATH",
        selectable: false,
        open: open_files,
    },
    SourceKind {
        name: "kubernetes",
        about: "Services of a Kubernetes cluster, with their ready endpoints, and resources",
        by: "--source kubernetes[=CONTEXT|URL], KUBECONFIG, or by itself inside a cluster",
        selectable: true,
        open: open_kubernetes,
    },
    SourceKind {
        name: "consul",
        about: "services of a Consul catalog, with their health",
        by: "--source consul[=ADDRESS], CONSUL_HTTP_ADDR",
        selectable: true,
        open: open_consul,
    },
    SourceKind {
        name: "aws",
        about: "Lambda functions, with their versions and aliases",
        by: "--source aws[=REGION,…], the section aws, AWS_REGION, AWS_PROFILE",
        selectable: true,
        open: open_aws,
    },
    SourceKind {
        name: "ec2",
        about: "instances in EC2, grouped by a tag",
        by: "--source ec2[=REGION,…], the section aws, AWS_REGION, AWS_PROFILE",
        selectable: true,
        open: open_ec2,
    },
];

/// What the command line and the environment say of sources.
#[derive(Clone, Default)]
pub struct Settings {
    /// Each `--upstream`.
    pub upstreams: Vec<fixed::Upstream>,
    /// Each `--resources`.
    pub resources: Vec<PathBuf>,
    /// Each `--source`; empty where each kind looks for itself whether the environment asks for it.
    pub asked: Vec<Asked>,
    /// The environment: what a variable holds.
    pub environment: Option<fn(&str) -> Option<String>>,
    /// What is called, for sources that watch that most closely.
    pub in_use: Option<watch::Receiver<InUse>>,
    /// What is looked at, and so listed where nobody has to look.
    pub rules: Rules,
    /// The namespace of what is discovered.
    pub namespace: String,
    /// What of Kubernetes clusters is watched.
    pub kubernetes: kubernetes::Scope,
    /// As whom and where AWS is asked.
    pub aws: Aws,
    /// Where sources put documents that they hold themselves.
    pub documents: Documents,
    /// Where sources put the credentials that calls are made with.
    pub keyring: Keyring,
    /// Changes when resources are to be read again, whether or not their files seem to have changed.
    pub again: Option<watch::Receiver<()>>,
}

/// One `--source KIND[=ADDRESS]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    /// The kind, or `none`.
    pub kind: String,
    /// Where.
    pub address: Option<String>,
}

impl Asked {
    /// What `--source` gave, each. Its commas stand between sources, and between the regions of one of AWS: what looks like a region
    /// belongs to the one before it.
    pub fn each(texts: &[String]) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for text in texts {
            match all.last_mut() {
                Some(Self { kind, address: Some(regions) }) if ["aws", "ec2"].contains(&&**kind) && is_region(text) => {
                    regions.push(',');
                    regions.push_str(text);
                }
                _ => all.push(text.as_str().into()),
            }
        }
        all
    }
}

/// The sources of one kind.
#[derive(Default)]
pub struct Opened {
    /// To be run.
    pub sources: Vec<Box<dyn Source>>,
    /// A line for the table at the start: what was found, or what was looked for and not found.
    pub note: String,
    /// Those among them that nobody asked for: where they are refused, nothing waits for them.
    pub unasked: Vec<SourceId>,
}

/// Why settings cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SettingsError {
    /// There is no such kind.
    #[error("there is no source {0:?}; known are {1}")]
    UnknownKind(String, String),
    /// One kind cannot use what it is given.
    #[error("--source {0}: {1}")]
    Unusable(&'static str, String),
}

impl Settings {
    /// How often and where a kind is asked for.
    pub fn asked(&self, kind: &str) -> impl Iterator<Item = &Asked> {
        self.asked.iter().filter(move |asked| asked.kind == kind)
    }

    /// Whether kinds look for themselves: any `--source` ends that.
    pub fn looks_around(&self) -> bool {
        self.asked.is_empty()
    }

    /// What an environment variable holds, where it holds something.
    pub fn variable(&self, name: &str) -> Option<String> {
        self.environment.and_then(|environment| environment(name)).filter(|value| !value.is_empty())
    }
}

impl From<&str> for Asked {
    fn from(text: &str) -> Self {
        let (kind, address) = text.split_once('=').map_or((text, None), |(kind, address)| (kind, Some(address)));
        Self { kind: kind.to_owned(), address: address.map(str::to_owned) }
    }
}

/// The sources that the settings ask for, each kind with its name.
pub fn open(settings: &Settings) -> Result<Vec<(&'static SourceKind, Opened)>, SettingsError> {
    let selectable = || SOURCE_KINDS.iter().filter(|kind| kind.selectable).map(|kind| kind.name).chain(["none"]);
    if let Some(unknown) = settings.asked.iter().find(|asked| selectable().all(|known| known != asked.kind)) {
        let known: Vec<_> = selectable().collect();
        return Err(SettingsError::UnknownKind(unknown.kind.clone(), known.join(", ")));
    }
    let mut ids = BTreeSet::new();
    let open = |kind: &'static SourceKind| {
        let mut opened = (kind.open)(settings)?;
        // What is given twice, in whatever words, is one source.
        opened.sources.retain(|source| ids.insert(source.id().clone()));
        Ok((kind, opened))
    };
    SOURCE_KINDS.iter().map(open).collect()
}

fn open_fixed(settings: &Settings) -> Result<Opened, SettingsError> {
    let note = match settings.upstreams.len() {
        0 => return Ok(Opened { note: "none given".into(), ..Opened::default() }),
        count => format!("{count} given"),
    };
    let sources = fixed::Fixed::each(settings.upstreams.clone()).map(|source| Box::new(source) as Box<dyn Source>);
    Ok(Opened { sources: sources.collect(), note, ..Opened::default() })
}

fn open_files(settings: &Settings) -> Result<Opened, SettingsError> {
    let paths: Vec<_> = settings.resources.iter().map(|path| path.display().to_string()).collect();
    if paths.is_empty() {
        return Ok(Opened { note: "none given".into(), ..Opened::default() });
    }
    let clouds = Clouds::new(settings).map_err(|error| SettingsError::Unusable("aws", error.to_string()))?;
    let source = |path: &PathBuf| {
        let files = files::Files::new(path.clone(), clouds.clone());
        Box::new(files.again(settings.again.clone())) as Box<dyn Source>
    };
    let sources = settings.resources.iter().map(source).collect();
    Ok(Opened { sources, note: format!("watching {}", paths.join(", ")), ..Opened::default() })
}

fn open_consul(settings: &Settings) -> Result<Opened, SettingsError> {
    let mut addresses: Vec<_> = settings.asked("consul").map(|asked| asked.address.clone()).collect();
    if settings.looks_around() && settings.variable("CONSUL_HTTP_ADDR").is_some() {
        addresses.push(None);
    }
    let read = |address: Option<&str>| {
        let agent = consul::Settings::from_environment(address, |name| settings.variable(name));
        agent.map_err(|error| SettingsError::Unusable("consul", error.to_string()))
    };
    let mut opened = Opened::default();
    let mut agents = Vec::new();
    for address in addresses {
        let agent = read(address.as_deref())?;
        agents.push(agent.address().to_string());
        // The agent that Consul's own tools would ask is the same source however it is given, and wherever it moves.
        let instance = match read(None).is_ok_and(|usual| usual.place() == agent.place()) {
            true => String::new(),
            false => agent.place(),
        };
        let in_use = settings.in_use.clone().unwrap_or_else(|| watch::channel(InUse::default()).1);
        opened.sources.push(Box::new(Consul::new(SourceId::new("consul", &instance), agent, in_use)));
    }
    opened.note = match agents.is_empty() {
        true => "not asked for, and CONSUL_HTTP_ADDR is not set".into(),
        false => format!("watching {}", agents.join(", ")),
    };
    Ok(opened)
}

fn open_aws(settings: &Settings) -> Result<Opened, SettingsError> {
    let unusable = |error: aws::SettingsError| SettingsError::Unusable("aws", error.to_string());
    let aws::Asked { places, note, by_itself } = aws::asked(settings, "aws").map_err(unusable)?;
    let own = lambda::Settings::new(&settings.aws.raw().lambda).map_err(unusable)?;
    let id = SourceId::new("aws", "");
    let own = own.under(&settings.rules, &id, &settings.namespace, &UpstreamSpec::default());
    let unasked = Vec::from_iter(by_itself.then(|| id.clone()));
    let mut sources: Vec<Box<dyn Source>> = Vec::new();
    if !places.is_empty() {
        sources.push(Box::new(Lambda::new(id, places, own, settings.keyring.clone())));
    }
    Ok(Opened { sources, note, unasked })
}

fn open_kubernetes(settings: &Settings) -> Result<Opened, SettingsError> {
    let variable = |name: &str| settings.variable(name);
    let unusable = |cause: String| SettingsError::Unusable("kubernetes", cause);
    let asked = settings.asked("kubernetes").map(|asked| Place::asked(asked.address.as_deref(), variable));
    let mut places = asked.collect::<Result<Vec<_>, _>>().map_err(unusable)?;
    if settings.looks_around() {
        places.extend(Place::of_environment(variable).map_err(unusable)?);
    }
    let note = match (places.as_slice(), kubernetes::at_home(variable)) {
        ([], Some(file)) => format!("found {}, not used: --source kubernetes", file.display()),
        ([], None) => "not asked for, not inside a cluster, and KUBECONFIG is not set".into(),
        (places, _) => format!("watching {}", places.iter().map(Place::name).collect::<Vec<_>>().join(", ")),
    };
    let clouds = Clouds::new(settings).map_err(|error| SettingsError::Unusable("aws", error.to_string()))?;
    let mut unasked = Vec::new();
    let source = |place: Place| {
        let resources = Resources::new(place.instance(), place.clone(), clouds.clone(), settings.kubernetes.clone());
        // They come along with Services, and take rights of their own.
        unasked.push(resources.id().clone());
        let id = SourceId::new("kubernetes", place.instance());
        let services = Kubernetes::new(id, place).within(settings.kubernetes.clone());
        [
            Box::new(services.holding(settings.documents.clone(), settings.keyring.clone())) as Box<dyn Source>,
            Box::new(resources),
        ]
    };
    let sources = places.into_iter().flat_map(source).collect();
    Ok(Opened { sources, note, unasked })
}

fn open_ec2(settings: &Settings) -> Result<Opened, SettingsError> {
    let unusable = |error: aws::SettingsError| SettingsError::Unusable("ec2", error.to_string());
    let aws::Asked { places, note, by_itself } = aws::asked(settings, "ec2").map_err(unusable)?;
    let own = ec2::Settings::new(&settings.aws.raw().ec2).map_err(unusable)?;
    let id = SourceId::new("ec2", "");
    let unasked = Vec::from_iter(by_itself.then(|| id.clone()));
    let sources = match places.is_empty() {
        true => Vec::new(),
        false => vec![Box::new(Ec2::new(id, places, own)) as Box<dyn Source>],
    };
    Ok(Opened { sources, note, unasked })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(settings: &Settings) -> Result<Vec<String>, String> {
        let opened = open(settings).map_err(|error| error.to_string())?;
        Ok(opened.iter().flat_map(|(_, opened)| &opened.sources).map(|source| source.id().to_string()).collect())
    }

    #[test]
    fn settings_open_what_they_ask_for() {
        assert_eq!(opened(&Settings::default()).unwrap(), Vec::<String>::new());
        let upstreams = ["b=http://127.0.0.1:1", "a=http://127.0.0.1:2", "b=http://127.0.0.1:3"];
        let upstreams = upstreams.iter().map(|upstream| upstream.parse().unwrap()).collect();
        let settings = Settings { upstreams, resources: vec!["/a.yaml".into(), "/dir".into()], ..Settings::default() };
        assert_eq!(opened(&settings).unwrap(), ["static=a", "static=b", "static=/a.yaml", "static=/dir"]);
        let none = Settings { asked: vec!["none".into()], ..settings };
        assert_eq!(opened(&none).unwrap().len(), 4);
    }

    #[test]
    fn consul_is_watched_where_it_is_asked_for_or_the_environment_names_it() {
        let check = |asked: &[&str], environment: Option<fn(&str) -> Option<String>>, wanted: &[&str]| {
            let asked = asked.iter().map(|asked| (*asked).into()).collect();
            assert_eq!(opened(&Settings { asked, environment, ..Settings::default() }).unwrap(), wanted);
        };
        let named: fn(&str) -> Option<String> = |name| (name == "CONSUL_HTTP_ADDR").then(|| "10.0.0.1:8500".to_owned());
        check(&[], None, &[]);
        check(&[], Some(named), &["consul"]);
        check(&["none"], Some(named), &[]);
        check(&["consul"], None, &["consul"]);
        check(&["consul=10.0.0.2:8500", "consul"], Some(named), &["consul=10.0.0.2:8500", "consul"]);
        check(&["consul=http://10.0.0.1:8500/"], Some(named), &["consul"]);
        check(&["consul=localhost:8500", "consul=http://127.0.0.1:8500"], None, &["consul"]);
        check(&["consul=b:1", "consul=a", "consul=http://B:1/"], None, &["consul=b:1", "consul=a:80"]);
        let wrong = Settings { asked: vec!["consul=ftp://x".into()], ..Settings::default() };
        assert!(opened(&wrong).unwrap_err().starts_with("--source consul: "));
    }

    #[test]
    fn kubernetes_is_watched_where_it_is_asked_for_or_the_environment_names_it() {
        let check = |asked: &[&str], environment: Option<fn(&str) -> Option<String>>, wanted: &[&str]| {
            let asked = asked.iter().map(|asked| (*asked).into()).collect();
            assert_eq!(opened(&Settings { asked, environment, ..Settings::default() }).unwrap(), wanted);
        };
        let named: fn(&str) -> Option<String> = |name| (name == "KUBECONFIG").then(|| "/no/such/file".to_owned());
        check(&[], None, &[]);
        check(&["none"], Some(named), &[]);
        check(&["kubernetes"], None, &["kubernetes", "static=kubernetes"]);
        check(&["kubernetes=east", "kubernetes=east"], Some(named), &["kubernetes=east", "static=kubernetes=east"]);
        check(
            &["kubernetes=http://LOCALHOST:80", "kubernetes=http://localhost/"],
            None,
            &["kubernetes=http://localhost", "static=kubernetes=http://localhost"],
        );
        let current = opened(&Settings { environment: Some(named), ..Settings::default() }).unwrap_err();
        assert!(current.starts_with("--source kubernetes: /no/such/file has no current context"), "{current}");
    }

    #[test]
    fn aws_is_asked_where_a_flag_a_section_or_the_environment_says_so() {
        let check =
            |asked: &[&str], section: &str, environment: fn(&str) -> Option<String>, wanted: Result<&str, &str>| {
                let texts: Vec<_> = asked.iter().map(|asked| (*asked).to_owned()).collect();
                let aws = Aws::new(serde_saphyr::from_str(section).unwrap()).unwrap();
                let settings =
                    Settings { asked: Asked::each(&texts), aws, environment: Some(environment), ..Settings::default() };
                let opened = open(&settings).map(|mut all| all.pop().unwrap().1);
                match (opened, wanted) {
                    (Ok(opened), Ok(note)) => {
                        assert_eq!(
                            (opened.note.as_str(), opened.sources.len()),
                            (note, usize::from(note.starts_with("watch")))
                        );
                    }
                    (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
                    (opened, _) => panic!("{:?}", opened.map(|opened| opened.note)),
                }
            };
        let nothing = |_: &str| None;
        let region = |name: &str| (name == "AWS_REGION").then(|| "eu-west-1".to_owned());
        let profile = |name: &str| (name == "AWS_PROFILE").then(|| "prod".to_owned());
        let two = "{regions: [eu-west-1], identities: [{name: prod}, {name: test, regions: [cn-north-1]}]}";
        check(&[], "{}", nothing, Ok("not asked for, and neither AWS_REGION nor AWS_PROFILE is set"));
        check(&[], "{}", region, Ok("watching eu-west-1"));
        check(&[], "{}", profile, Ok("no region is named: give AWS_REGION, aws.regions or --source ec2=REGION"));
        check(&["ec2"], "{}", nothing, Err("no region is named"));
        check(&["none"], two, region, Ok("not asked for, and neither AWS_REGION nor AWS_PROFILE is set"));
        check(&["ec2"], "{}", region, Ok("watching eu-west-1"));
        check(&["ec2=us-east-1", "us-east-2", "consul"], "{}", region, Ok("watching us-east-1, us-east-2"));
        check(&["ec2=us-east-1", "ec2=us-east-2"], "{}", region, Ok("watching us-east-1, us-east-2"));
        check(&[], two, nothing, Ok("watching prod/eu-west-1, test/cn-north-1"));
        check(&["ec2=x.evil.example/"], "{}", region, Err("is no region"));
        check(&["ec2"], "{ec2: {interval: 0}}", region, Err("aws.ec2.interval"));
    }

    #[test]
    fn an_unknown_kind_is_refused_with_those_that_are_known() {
        let settings = Settings { asked: vec!["zookeeper=localhost".into()], ..Settings::default() };
        let error = opened(&settings).unwrap_err();
        assert_eq!(error, "there is no source \"zookeeper\"; known are kubernetes, consul, aws, ec2, none");
    }

    #[test]
    fn names_are_told_apart() {
        let names: std::collections::BTreeSet<_> = SOURCE_KINDS.iter().map(|kind| kind.name).collect();
        assert_eq!(names.len(), SOURCE_KINDS.len());
    }
}
