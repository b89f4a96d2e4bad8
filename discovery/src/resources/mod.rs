//! Resources: what users write down for Portolan, wherever they keep it (files, a cluster).
//!
//! One tree of types says what a resource may hold. The schema that the API server enforces is generated of it, and the same schema is
//! walked over a document from a file, so that both give one verdict, with the field's path. A resource that passes is read into its
//! type, and one mapping makes of that what the catalog needs.

pub mod crd;
pub(crate) mod fields;
pub(crate) mod node;
pub(crate) mod shape;
pub(crate) mod status;
pub(crate) mod upstream;
