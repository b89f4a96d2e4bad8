//! gRPC without generated code: messages by their descriptors, and the JSON that `prost-reflect` makes of them, which is
//! nobody's mapping but its own.

pub mod client;
mod codec;
pub mod status;

use std::sync::LazyLock;

use prost_reflect::{DescriptorPool, DeserializeOptions, DynamicMessage, MessageDescriptor, MethodDescriptor};
use serde_json::Value;

pub use codec::ByDescriptor;

use crate::installed::named;

/// The descriptor set of the test services, as bytes.
pub fn descriptors() -> Vec<u8> {
    let file = named("PORTOLAN_TEST_PROTOS").join("services.binpb");
    std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// The types of the test services, and those of error details.
pub fn pool() -> &'static DescriptorPool {
    static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
        let mut pool = DescriptorPool::decode(&*descriptors()).expect("protoc wrote it");
        pool.add_file_descriptor_proto(status::file()).expect("what it refers to is there");
        pool
    });
    &POOL
}

/// A method by its function's name: `{package.Service}/{Method}`.
pub fn method(name: &str) -> MethodDescriptor {
    let (service, method) = name.split_once('/').expect("a service and a method");
    let service = pool().get_service_by_name(service).unwrap_or_else(|| panic!("no service {service}"));
    service.methods().find(|one| one.name() == method).unwrap_or_else(|| panic!("no method {name}"))
}

/// All methods of all test services, by their function's name, sorted.
pub fn methods() -> Vec<String> {
    let services = pool().services().filter(|service| service.full_name().starts_with("portolan.test."));
    let names = services.flat_map(|service| {
        let methods: Vec<_> = service.methods().collect();
        methods.into_iter().map(move |method| format!("{}/{}", service.full_name(), method.name()))
    });
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// A message of this type from its JSON.
pub fn from_json(message: MessageDescriptor, json: &Value) -> DynamicMessage {
    let options = DeserializeOptions::new().deny_unknown_fields(true);
    DynamicMessage::deserialize_with_options(message, json, &options).unwrap_or_else(|error| panic!("{error}: {json}"))
}

/// A message's JSON.
pub fn to_json(message: &DynamicMessage) -> Value {
    serde_json::to_value(message).expect("a message of known types has a JSON form")
}
