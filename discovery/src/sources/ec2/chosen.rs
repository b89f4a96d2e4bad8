//! The instances that one resource asks for: those whose tags are as it wants, each a host of its upstream.

use super::map::address;
use super::settings::Address;
use super::wire::Instance;
use crate::sources::hosts::{At, Host};

/// Which instances of a region are meant, and how they are called.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Chosen {
    /// Tags that an instance must have, all of them.
    pub(crate) filters: Vec<Filter>,
    /// Which address is called.
    pub(crate) address: Address,
    /// The port of each.
    pub(crate) port: u16,
}

/// A tag, as Gloo means it: the case of its name does not count.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Filter {
    key: String,
    value: Option<String>,
}

impl Filter {
    /// A tag `key`, of that value where there is one.
    pub(crate) fn new(key: &str, value: Option<&str>) -> Self {
        Self { key: key.to_owned(), value: value.map(str::to_owned) }
    }

    fn takes(&self, instance: &Instance) -> bool {
        let has = |(key, value): (&String, &String)| {
            key.eq_ignore_ascii_case(&self.key) && self.value.as_ref().is_none_or(|wanted| wanted == value)
        };
        instance.tags.iter().any(has)
    }
}

impl Chosen {
    /// The hosts that these instances are. One that does not run, or has no such address, is none.
    pub(crate) fn hosts(&self, instances: &[Instance]) -> Vec<Host> {
        let fits = |instance: &&Instance| instance.running && self.filters.iter().all(|filter| filter.takes(instance));
        let host = |ip| Host { at: At::Address(ip), port: self.port, weight: 1 };
        instances.iter().filter(fits).filter_map(|instance| address(instance, self.address)).map(host).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_filters_hold_and_the_wanted_address_is_called() {
        let check = |filters: &[(&str, Option<&str>)], address: Address, wanted: &[&str]| {
            let instance = |private: &str, public: Option<&str>, tags: &[(&str, &str)]| Instance {
                running: private != "10.0.0.4",
                private: private.parse().ok(),
                public: public.and_then(|text| text.parse().ok()),
                tags: tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
                ..Instance::default()
            };
            let instances = [
                instance("10.0.0.1", Some("192.0.2.1"), &[("Name", "web"), ("stage", "prod")]),
                instance("10.0.0.2", None, &[("name", "web"), ("Stage", "test")]),
                instance("10.0.0.3", None, &[]),
                instance("10.0.0.4", None, &[("name", "web")]),
            ];
            let filters = filters.iter().map(|(key, value)| Filter::new(key, *value)).collect();
            let hosts = Chosen { filters, address, port: 8080 }.hosts(&instances);
            let host = |host: &Host| match &host.at {
                At::Address(ip) => format!("{ip}:{}", host.port),
                At::Name(name) => name.to_string(),
            };
            assert_eq!(hosts.iter().map(host).collect::<Vec<_>>(), wanted);
        };
        check(&[], Address::Private, &["10.0.0.1:8080", "10.0.0.2:8080", "10.0.0.3:8080"]);
        check(&[("NAME", None)], Address::Private, &["10.0.0.1:8080", "10.0.0.2:8080"]);
        check(&[("name", Some("web")), ("stage", Some("prod"))], Address::Private, &["10.0.0.1:8080"]);
        check(&[("name", Some("Web"))], Address::Private, &[]);
        check(&[], Address::Public, &["192.0.2.1:8080"]);
    }
}
