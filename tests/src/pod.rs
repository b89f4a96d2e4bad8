//! What a kubelet does with a pod of ours, as far as the daemon can tell: its volumes at their paths, its user, its rights and its
//! environment, in a file system of its own that cannot be written, in the cluster's network. The image is the binary and the system's
//! libraries.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::Value;

use crate::http::{self, Answer};
use crate::kubernetes::Cluster;
use crate::process::{self, Process};
use crate::{daemon, wait};

/// Where a pod finds its service account.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Makes the file system, and becomes the daemon in it. Arguments: the binary, then what follows it. `VOLUMES` has a line for each
/// volume, `rw` or `ro`, its folder and its path.
const CONTAINER: &str = r#"
root=$PWD/root
mkdir "$root"
mount -t tmpfs -o mode=755 image "$root"
for part in usr lib lib64 proc dev etc/ssl; do
    mkdir -p "$root/$part"
    mount --rbind "/$part" "$root/$part"
done
touch "$root/portolan"
mount --bind "$1" "$root/portolan"
shift
while read -r mode folder path; do
    mkdir -p "$root$path"
    mount --bind "$folder" "$root$path"
    [ "$mode" = rw ] || mount -o remount,bind,ro "$root$path"
done <volumes
[ "$ROOT" = rw ] || mount -o remount,ro "$root"
exec chroot "$root" setpriv --reuid="$USER_ID" --regid="$GROUP_ID" --groups="$FS_GROUP" --no-new-privs --inh-caps=-all \
    --bounding-set=-all --pdeathsig=KILL -- /portolan "$@"
"#;

/// A pod whose container runs.
pub struct Pod {
    /// The container's process.
    pub process: Process,
    object: Value,
}

impl Pod {
    /// Runs the one container of a pod that the API server has.
    pub async fn run(cluster: &Cluster, object: &Value) -> Pod {
        let arguments = container(object)["args"].as_array().cloned().unwrap_or_default();
        let arguments: Vec<&str> = arguments.iter().map(text).collect();
        Pod::run_with(cluster, object, &arguments).await
    }

    /// The same with other arguments.
    pub async fn run_with(cluster: &Cluster, object: &Value, arguments: &[&str]) -> Pod {
        let folder = process::folder("pod");
        let volumes = Volumes { cluster, object, folder: folder.path() };
        fs::write(folder.path().join("volumes"), volumes.lay_out().await).expect("a folder of our own");
        let command = cluster.inside(command(cluster, object, arguments));
        Pod { process: Process::start_in(folder, "pod", command), object: object.clone() }
    }

    /// Waits until its readiness probe succeeds, and sees that the others do.
    pub async fn ready(&self) {
        for name in ["startupProbe", "readinessProbe", "livenessProbe"] {
            let probe = &container(&self.object)[name]["httpGet"];
            let url = self.url(text(&probe["port"]), text(&probe["path"]));
            self.process.until(&format!("{name} succeeds"), || http::get(&url)).await;
        }
    }

    /// A URL at one of its ports, by the port's name.
    pub fn url(&self, port: &str, path: &str) -> String {
        let ports = container(&self.object)["ports"].as_array().cloned().unwrap_or_default();
        let port = ports.iter().find(|known| known["name"] == port).unwrap_or_else(|| panic!("no port {port}"));
        format!("http://127.0.0.1:{}{path}", port["containerPort"])
    }

    /// GETs with a header.
    pub async fn get(&self, port: &str, path: &str, header: (&str, &str)) -> Result<Answer, String> {
        http::answer(http::client().get(self.url(port, path)).header(header.0, header.1)).await
    }

    /// Waits until JSON of the admin address, asked for with this token, says something.
    pub async fn until(&self, path: &str, token: &str, what: &str, fact: impl Fn(&Value) -> bool) {
        let header = ("authorization", &*format!("Bearer {token}"));
        wait::until(what, wait::START, || async {
            let answer = self.get("admin", path, header).await?;
            if fact(&answer.json()) { Ok(()) } else { Err(answer.text()) }
        })
        .await;
    }
}

fn container(object: &Value) -> &Value {
    &object["spec"]["containers"][0]
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

/// A number of the pod's security context, which it has to name.
fn id(object: &Value, field: &str) -> u32 {
    let number = object["spec"]["securityContext"][field].as_u64().unwrap_or_else(|| panic!("no {field}: {object}"));
    number.try_into().expect("an id")
}

fn command(cluster: &Cluster, object: &Value, arguments: &[&str]) -> Command {
    let container = container(object);
    let read_only = container["securityContext"]["readOnlyRootFilesystem"] == true;
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation=private", "sh", "-ec", CONTAINER, "container"]);
    command.arg(daemon::binary()).args(arguments).env_clear();
    command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    command.env("ROOT", if read_only { "ro" } else { "rw" });
    for (name, field) in [("USER_ID", "runAsUser"), ("GROUP_ID", "runAsGroup"), ("FS_GROUP", "fsGroup")] {
        command.env(name, id(object, field).to_string());
    }
    command.env("KUBERNETES_SERVICE_HOST", "127.0.0.1").env("KUBERNETES_SERVICE_PORT", cluster.port.to_string());
    for variable in container["env"].as_array().into_iter().flatten() {
        command.env(text(&variable["name"]), text(&variable["value"]));
    }
    command
}

/// The volumes of a pod, laid out in folders.
struct Volumes<'a> {
    cluster: &'a Cluster,
    object: &'a Value,
    folder: &'a Path,
}

impl Volumes<'_> {
    /// Fills all; a line for each place where one is mounted.
    async fn lay_out(&self) -> String {
        let mut lines = String::new();
        let mut line = |mode: &str, folder: &Path, path: &str| {
            lines += &format!("{mode} {} {path}\n", folder.display());
        };
        let volumes = self.object["spec"]["volumes"].as_array().cloned().unwrap_or_default();
        for mount in container(self.object)["volumeMounts"].as_array().into_iter().flatten() {
            let volume = volumes.iter().find(|volume| volume["name"] == mount["name"]);
            let folder = self.fill(volume.unwrap_or_else(|| panic!("no volume for {mount}"))).await;
            let mode = if mount["readOnly"] == true { "ro" } else { "rw" };
            line(mode, &folder, text(&mount["mountPath"]));
        }
        if self.object["spec"]["automountServiceAccountToken"] != false {
            line("ro", &self.account().await, ACCOUNT);
        }
        lines
    }

    async fn fill(&self, volume: &Value) -> PathBuf {
        let folder = self.empty(text(&volume["name"]));
        if let Some(name) = volume["configMap"]["name"].as_str() {
            for (file, content) in self.data("configmaps", name).await {
                self.write(&folder, &file, text(&content).as_bytes(), &volume["configMap"]);
            }
        } else if let Some(name) = volume["secret"]["secretName"].as_str() {
            for (file, content) in self.data("secrets", name).await {
                let content = STANDARD.decode(text(&content)).expect("secrets are base64");
                self.write(&folder, &file, &content, &volume["secret"]);
            }
        } else {
            let kept = volume["emptyDir"].is_object() || volume["persistentVolumeClaim"].is_object();
            assert!(kept, "this kubelet knows no such volume: {volume}");
        }
        folder
    }

    /// The folder of the service account.
    async fn account(&self) -> PathBuf {
        let folder = self.empty("service-account");
        let spec = &self.object["spec"];
        let token =
            self.cluster.token(self.namespace(), spec["serviceAccountName"].as_str().unwrap_or("default")).await;
        let certificate = fs::read(self.cluster.certificate()).expect("the API server has a certificate");
        let mode = serde_json::json!({"defaultMode": 0o640});
        self.write(&folder, "token", token.as_bytes(), &mode);
        self.write(&folder, "ca.crt", &certificate, &mode);
        self.write(&folder, "namespace", self.namespace().as_bytes(), &mode);
        folder
    }

    fn namespace(&self) -> &str {
        text(&self.object["metadata"]["namespace"])
    }

    async fn data(&self, kind: &str, name: &str) -> serde_json::Map<String, Value> {
        let path = format!("/api/v1/namespaces/{}/{kind}/{name}", self.namespace());
        let object = self.cluster.call(Method::GET, &path, Value::Null).await;
        let object = object.unwrap_or_else(|error| panic!("the pod waits for {path}: {error}"));
        object["data"].as_object().cloned().unwrap_or_default()
    }

    /// A folder that the pod's group may write.
    fn empty(&self, name: &str) -> PathBuf {
        let folder = self.folder.join("volume").join(name);
        fs::create_dir_all(&folder).expect("a folder of our own");
        self.give(&folder, 0o2770);
        folder
    }

    fn write(&self, folder: &Path, file: &str, content: &[u8], volume: &Value) {
        let file = folder.join(file);
        fs::write(&file, content).expect("a folder of our own");
        let mode = volume["defaultMode"].as_u64().and_then(|mode| mode.try_into().ok()).unwrap_or(0o644);
        self.give(&file, mode);
    }

    fn give(&self, path: &Path, mode: u32) {
        chown(path, Some(0), Some(id(self.object, "fsGroup"))).expect("this is root");
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a path of our own");
    }
}
