//! What the fuzz targets do with their bytes: one function each, which panics where the product is wrong.
//!
//! The same source is a module of the integration tests, which give every file of `corpus/` to the function of its folder.

mod arguments;
mod backups;
mod bound;
mod descriptors;
mod documents;
mod function_urls;
mod instances;
mod lambda_answers;
mod records;
mod resources;

pub use arguments::arguments;
pub use backups::backups;
pub use descriptors::descriptors;
pub use documents::documents;
pub use function_urls::function_urls;
pub use instances::instances;
pub use lambda_answers::lambda_answers;
pub use records::records;
pub use resources::resources;

/// Runs `work` to its end. Nothing that is fuzzed waits for time or the network.
fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime without a network needs nothing").block_on(work)
}
