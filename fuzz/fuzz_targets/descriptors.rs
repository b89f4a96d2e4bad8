#![no_main]

use std::panic::{set_hook, take_hook};

libfuzzer_sys::fuzz_target!(
    init: {
        // The fuzzer ends at every panic. The product catches those of the descriptor library while it builds a pool; what it does not
        // catch ends the process all the same, once it has come up here.
        let end = take_hook();
        set_hook(Box::new(move |panic| {
            if !panic.location().is_some_and(|location| location.file().contains("prost-reflect")) {
                end(panic);
            }
        }));
    },
    |bytes: &[u8]| bodies::descriptors(bytes)
);
