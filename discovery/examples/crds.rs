//! Writes the definitions of the custom resources to `deploy/kubernetes/crds`.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/kubernetes/crds");
    std::fs::create_dir_all(&folder)?;
    discovery::resources::crd::files().try_for_each(|(name, text)| std::fs::write(folder.join(name), text))
}
