//! Each real server starts, answers, and is gone when its test is: what every other test relies on.

mod consul;
mod grpc;
mod grpc_alike;
mod http_services;
