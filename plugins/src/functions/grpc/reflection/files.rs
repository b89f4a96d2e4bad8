//! The files that a server sent, and the pool that can be made of them.
//!
//! Files are kept as they came: their custom options (`google.api.http`) are unknown fields to every descriptor type that is
//! compiled in, and would be lost by decoding and encoding again. A file that cannot be used costs itself and what imports it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;

use bytes::{Bytes, BytesMut};
use catalog::model::Digest;
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, Value};
use prost_types::{DescriptorProto, EnumDescriptorProto, FileDescriptorProto};

use super::super::editions;
use super::super::pools::BUILT_IN;
use super::sound;

/// `google.protobuf.FileDescriptorProto` as a descriptor, to change files without losing what is unknown in them.
static FILE: LazyLock<MessageDescriptor> = LazyLock::new(|| {
    BUILT_IN
        .get_message_by_name("google.protobuf.FileDescriptorProto")
        .expect("the compiled-in pool describes descriptors")
});

/// One file.
#[derive(Clone, Debug)]
pub(crate) struct File {
    raw: Bytes,
    /// What the compiled-in types know of it, with its comments.
    pub(crate) proto: FileDescriptorProto,
}

impl File {
    /// Reads a serialized `FileDescriptorProto`.
    pub(crate) fn read(raw: Bytes) -> Result<Self, String> {
        let proto = FileDescriptorProto::decode(raw.clone()).map_err(|e| format!("not a descriptor: {e}"))?;
        if proto.name().is_empty() {
            return Err("a descriptor without a name".into());
        }
        sound::check(&proto)?;
        Ok(Self { raw, proto })
    }

    /// With every field, known or not.
    pub(crate) fn dynamic(&self) -> Option<DynamicMessage> {
        DynamicMessage::decode(FILE.clone(), self.raw.clone()).ok()
    }

    /// Serialized as pools take it: without comments, without imports that are `absent`, in a syntax that they know.
    fn plain(&self, absent: &BTreeSet<&str>) -> Result<Vec<u8>, String> {
        let mut file = self.dynamic().ok_or("not a descriptor")?;
        file.clear_field_by_name("source_code_info");
        if self.proto.dependency.iter().any(|name| absent.contains(name.as_str())) {
            drop_imports(&mut file, &self.proto, absent);
        }
        if self.proto.syntax() == "editions" {
            editions::lower(&mut file);
        }
        Ok(file.encode_to_vec())
    }
}

/// Removes imports and moves the places that other lists name.
fn drop_imports(file: &mut DynamicMessage, proto: &FileDescriptorProto, absent: &BTreeSet<&str>) {
    let kept: Vec<_> =
        (0..proto.dependency.len()).filter(|at| !absent.contains(proto.dependency[*at].as_str())).collect();
    let moved = |places: &[i32]| {
        let place = |place: &i32| kept.iter().position(|at| usize::try_from(*place) == Ok(*at));
        Value::List(places.iter().filter_map(place).map(|at| Value::I32(at as i32)).collect())
    };
    let names = kept.iter().map(|at| Value::String(proto.dependency[*at].clone())).collect();
    file.set_field_by_name("dependency", Value::List(names));
    file.set_field_by_name("public_dependency", moved(&proto.public_dependency));
    file.set_field_by_name("weak_dependency", moved(&proto.weak_dependency));
}

/// All files of one server, by name.
#[derive(Debug, Default)]
pub(crate) struct Files {
    files: BTreeMap<String, File>,
    bytes: usize,
    declarations: usize,
}

/// What the files make together.
#[derive(Debug)]
pub(crate) struct Assembled {
    /// Every file that could be used, with the well-known ones that they import.
    pub(crate) pool: DescriptorPool,
    /// The same as a serialized `FileDescriptorSet` from which the pool can be made again.
    pub(crate) set: Bytes,
    /// Files that could not be used, each for a person.
    pub(crate) complaints: Vec<String>,
}

impl Files {
    /// Keeps `file` unless it is here, or compiled in.
    pub(crate) fn add(&mut self, file: File) {
        let name = file.proto.name();
        if !built_in(name) && !self.files.contains_key(name) {
            self.bytes += file.raw.len();
            self.declarations += declarations(&file.proto);
            self.files.insert(name.to_owned(), file);
        }
    }

    /// The file of that name.
    pub(crate) fn file(&self, name: &str) -> Option<&File> {
        self.files.get(name)
    }

    pub(crate) fn len(&self) -> usize {
        self.files.len()
    }

    /// How much was sent.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many messages, fields, enum values and methods were sent.
    pub(crate) fn declarations(&self) -> usize {
        self.declarations
    }

    /// What is imported and not here.
    pub(crate) fn missing(&self) -> BTreeSet<String> {
        let imported = self.files.values().flat_map(|file| &file.proto.dependency);
        imported.filter(|name| !built_in(name) && !self.files.contains_key(*name)).cloned().collect()
    }

    /// Names what was sent, whatever the order it came in.
    pub(crate) fn digest<'a>(&'a self, beside: impl IntoIterator<Item = &'a [u8]>) -> Digest {
        Digest::of(beside.into_iter().chain(self.files.values().map(|file| &*file.raw)))
    }

    /// Makes the pool, a file at a time, so that a bad one costs only itself and what needs it.
    pub(crate) fn assemble(&self) -> Assembled {
        let mut assembled = Assembled { pool: DescriptorPool::new(), set: Bytes::new(), complaints: Vec::new() };
        let mut set = BytesMut::new();
        let mut add = |pool: &mut DescriptorPool, plain: &[u8]| {
            let mut grown = std::mem::take(pool);
            // Descriptors are foreign bytes, and the library has places that panic on odd ones.
            let built = catch_unwind(AssertUnwindSafe(move || {
                let built = grown.decode_file_descriptor_proto(plain);
                (grown, built.map_err(|e| e.to_string()))
            }));
            let built = match built {
                Ok((grown, built)) => {
                    *pool = grown;
                    built
                }
                Err(_) => {
                    *pool = DescriptorPool::decode(&set[..]).unwrap_or_default();
                    Err("its descriptor contradicts itself".to_owned())
                }
            };
            if built.is_ok() {
                // Field 1 of a FileDescriptorSet.
                prost::encoding::bytes::encode(1, &plain.to_vec(), &mut set);
            }
            built
        };
        for name in self.order() {
            if let Some(file) = BUILT_IN.get_file_by_name(name) {
                // The compiled-in files are good.
                let _ = add(&mut assembled.pool, &file.encode_to_vec());
                continue;
            }
            let Some(file) = self.files.get(name) else { continue };
            let absent = file.proto.dependency.iter().map(String::as_str);
            let absent = absent.filter(|name| assembled.pool.get_file_by_name(name).is_none()).collect();
            if let Err(cause) = file.plain(&absent).and_then(|plain| add(&mut assembled.pool, &plain)) {
                assembled.complaints.push(format!("{name} cannot be used: {cause}"));
            }
        }
        assembled.set = set.freeze();
        assembled
    }

    /// All names that are reached, each after what it imports. A circle, which no compiler makes, is broken anywhere.
    fn order(&self) -> Vec<&str> {
        let (mut order, mut begun) = (Vec::new(), HashSet::new());
        // Not by recursion: chains of imports are as long as a server likes.
        let mut stack: Vec<(&str, bool)> = self.files.keys().rev().map(|name| (name.as_str(), false)).collect();
        while let Some((name, done)) = stack.pop() {
            if done {
                order.push(name);
            } else if begun.insert(name) {
                stack.push((name, true));
                stack.extend(self.imports(name).into_iter().rev().map(|name| (name, false)));
            }
        }
        order
    }

    fn imports(&self, name: &str) -> Vec<&str> {
        match self.files.get(name) {
            Some(file) => file.proto.dependency.iter().map(String::as_str).collect(),
            None => BUILT_IN
                .file_descriptor_protos()
                .find(|file| file.name() == name)
                .map_or_else(Vec::new, |file| file.dependency.iter().map(String::as_str).collect()),
        }
    }
}

fn declarations(file: &FileDescriptorProto) -> usize {
    fn of_enum(of: &EnumDescriptorProto) -> usize {
        1 + of.value.len()
    }
    // As deep as the wire format allows, which is a hundred.
    fn of_message(of: &DescriptorProto) -> usize {
        let nested = of.nested_type.iter().map(of_message).chain(of.enum_type.iter().map(of_enum)).sum::<usize>();
        1 + of.field.len() + of.extension.len() + of.oneof_decl.len() + nested
    }
    let types = file.message_type.iter().map(of_message).chain(file.enum_type.iter().map(of_enum)).sum::<usize>();
    types + file.extension.len() + file.service.iter().map(|service| 1 + service.method.len()).sum::<usize>()
}

fn built_in(name: &str) -> bool {
    name.starts_with("google/protobuf/") && BUILT_IN.get_file_by_name(name).is_some()
}
