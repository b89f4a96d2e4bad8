//! The filters, a folder each.

pub mod access;
pub mod origin;

/// What is configured for all filters of one gateway.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Which hosts and which other sites may ask.
    pub origin: origin::Config,
    /// Whether function URLs are open.
    pub access: access::Config,
}
