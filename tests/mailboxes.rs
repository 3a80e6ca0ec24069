//! Who lives here: qmail's tables, vpopmail's folders, quotas, and names
//! that are meant to do harm.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that fails may panic, and its helpers too"
)]

mod people;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use people::block_on;
use proptest::{prop_assert, proptest};
use ra_plugins::frozen::Frozen;
use ra_plugins::mailboxes::Extension;
use ra_plugins::mailboxes::addresses::{BuildError, build, sorted};
use ra_plugins::mailboxes::qmail::{assignment, prepend};
use ra_plugins::mailboxes::quota::{Quota, Usage, percent_used};
use ra_plugins::mailboxes::vpopmail::{Domain, Resident, find};
use ra_plugins::plugin::Verdict;
use ra_plugins::registry;
use ra_plugins::session::{Address, Session};
use ra_plugins::world::{Disk, Files, World};
use rstest::rstest;

/// Writes a real CDB.
fn write_cdb(path: &Path, records: &[(&str, &str)]) {
    let mut writer = cdb2::CDBMake::new(File::create(path).unwrap()).unwrap();
    for (key, value) in records {
        writer.add(key.as_bytes(), value.as_bytes()).unwrap();
    }
    writer.finish().unwrap();
}

/// A qmail folder with vpopmail's domains beside it, on the disk.
struct Tree {
    folder: tempfile::TempDir,
}

impl Tree {
    /// One domain, example.org, with joe, who is nearly full, jane, who has
    /// no quota, the alias info, and no catch-all.
    fn new() -> Self {
        let tree = Self { folder: tempfile::tempdir().unwrap() };
        let home = tree.home();
        for folder in ["control", "users"] {
            fs::create_dir_all(tree.path(folder)).unwrap();
        }
        for folder in ["joe/Maildir/cur", "jane/Maildir/cur"] {
            fs::create_dir_all(home.join(folder)).unwrap();
        }
        tree.write("control/virtualdomains", "example.org:example.org\n");
        tree.write_users("example.org");
        let (joe, jane) = (home.join("joe"), home.join("jane"));
        let joe = format!("joe:x:1:0:Joe:{}:1000S,10C:pw\n", joe.display());
        let jane = format!("jane:x:1:0:Jane:{}:NOQUOTA\n", jane.display());
        tree.write("domains/vpasswd", &(joe + &jane));
        tree.compile();
        tree.write("domains/joe/Maildir/maildirsize", "1000S,10C\n900 2\n");
        tree.write("domains/.qmail-info", "&joe@example.org\n");
        tree.write("domains/.qmail-first:last", "&joe@example.org\n");
        tree.write("domains/.qmail-list-default", "|list\n");
        tree.write(
            "domains/.qmail-default",
            "| /home/vpopmail/bin/vdelivermail '' bounce-no-mailbox\n",
        );
        tree
    }

    /// The folder of the domain.
    fn home(&self) -> PathBuf {
        self.path("domains")
    }

    /// A path below the qmail folder.
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file.
    fn write(&self, name: &str, content: &str) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), content).unwrap();
    }

    /// Writes users/cdb as qmail-newu does.
    fn write_users(&self, domain: &str) {
        let home = self.home();
        let value =
            format!("{domain}\0{0}\0{0}\0{1}\0-\0\0", 89, home.display());
        let key = format!("!{domain}-");
        write_cdb(&self.path("users/cdb"), &[(&key, &value), ("", "-")]);
    }

    /// Makes vpasswd.cdb from vpasswd.
    fn compile(&self) {
        let text = fs::read_to_string(self.path("domains/vpasswd")).unwrap();
        let records: Vec<_> =
            text.lines().map(|line| line.split_once(':').unwrap()).collect();
        write_cdb(&self.path("domains/vpasswd.cdb"), &records);
    }

    /// Sets the age of a file.
    fn make_old(&self, name: &str, age: Duration) {
        let file = File::options().append(true).open(self.path(name)).unwrap();
        file.set_modified(SystemTime::now() - age).unwrap();
    }

    /// The world that has this tree.
    fn world(&self) -> World {
        World::real(self.folder.path())
    }

    /// Runs a plugin about a recipient or sender.
    fn ask(&self, plugin: &str, variable: &str, address: &str) -> String {
        let session = Session::new(1).with(variable, address);
        let plugin = registry::find(plugin).unwrap();
        let verdict: Verdict = block_on(plugin.judge(&session, &self.world()));
        let text = verdict.output() + &verdict.log_lines(plugin.name, 1);
        let folder = self.folder.path().display().to_string();
        text.replace(&folder, "QMAIL")
    }

    /// Runs rcptchecks about a recipient.
    fn recipient(&self, address: &str) -> String {
        self.ask("rcptchecks", "SMTPRCPTTO", address)
    }
}

/// Snapshots lie beside the source, under their own names.
fn snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

#[rstest]
#[case::a_user("user", "joe@example.org")]
#[case::without_regard_to_case("case", "JOE@Example.Org")]
#[case::in_quotes("quotes", "\"joe\"@example.org")]
#[case::an_alias("alias", "info@example.org")]
#[case::an_alias_with_a_dot("dotted-alias", "first.last@example.org")]
#[case::an_alias_for_more("default-alias", "list-subscribe@example.org")]
#[case::nobody("nobody", "jim@example.org")]
#[case::another_domain("foreign", "joe@example.net")]
#[case::no_address("malformed", "joe")]
fn rcptchecks_knows_who_lives_here(#[case] name: &str, #[case] address: &str) {
    let answer = Tree::new().recipient(address);
    snapshot(&format!("rcptchecks__{name}"), &answer);
}

#[rstest]
#[case::in_bytes("full-bytes", "1000S,10C\n900 2\n100 1\n")]
#[case::in_messages("full-messages", "1000S,10C\n90 9\n1 1\n")]
#[case::after_some_were_removed("emptied", "1000S,10C\n1200 9\n-300 -2\n")]
fn rcptchecks_adds_maildirsize_up(#[case] name: &str, #[case] content: &str) {
    let tree = Tree::new();
    tree.write("domains/joe/Maildir/maildirsize", content);
    let answer = tree.recipient("joe@example.org");
    snapshot(&format!("rcptchecks__{name}"), &answer);
}

#[rstest]
#[case::joe("known", "joe@example.org")]
#[case::nobody("unknown", "jim@example.org")]
#[case::elsewhere("foreign", "jim@example.net")]
#[case::a_bounce("empty", "")]
fn senderchecks_knows_who_lives_here(#[case] name: &str, #[case] from: &str) {
    let answer = Tree::new().ask("senderchecks", "SMTPMAILFROM", from);
    snapshot(&format!("senderchecks__{name}"), &answer);
}

/// Who may send as whom in the next test. One line is Latin-1.
const AUTHSENDERS: &[u8] = b"joe: joe@example.org\nboss: @example.org\n\
    j\xf6n: @example.org\n@sales.example: @example.org\n";

#[rstest]
#[case::his_own("joe", "joe@example.org", true)]
#[case::his_domain("boss", "jane@example.org", true)]
#[case::somebody_elses("joe", "jane@example.org", false)]
#[case::not_in_the_file("jim", "jim@example.org", false)]
#[case::his_colleagues("ann@sales.example", "ann@example.org", true)]
#[case::not_utf8("j\u{fffd}n", "jane@example.org", false)]
fn a_user_may_only_send_as_himself(
    #[case] user: &str,
    #[case] from: &str,
    #[case] passes: bool,
) {
    let frozen = Frozen::new()
        .file("control/authsenders", AUTHSENDERS)
        .file("control/rcpthosts", "example.org")
        .file(
            "control/addresslist",
            "joe@example.org\njane@example.org\nann@example.org",
        );
    let session = Session::new(1)
        .with("SMTPAUTHUSER", user)
        .with("SENDERCHK_AUTHMATCH", "1")
        .with("SMTPMAILFROM", from);
    let plugin = registry::find("senderchecksfile").unwrap();
    let verdict = block_on(plugin.judge(&session, &frozen.world()));
    assert_eq!(verdict.commands.is_empty(), passes);
}

#[rstest]
#[case::to_a_program("|/usr/bin/procmail\n", Resident::CatchAll)]
#[case::to_an_address("&all@example.net\n", Resident::CatchAll)]
#[case::refused("| vdelivermail '' bounce-no-mailbox\n", Resident::Nobody)]
#[case::thrown_away("| vdelivermail '' delete\n", Resident::Nobody)]
fn a_catch_all_takes_everybody(
    #[case] content: &str,
    #[case] resident: Resident,
) {
    let tree = Tree::new();
    tree.write("domains/.qmail-default", content);
    let found = Domain::new(tree.home()).resident(&tree.world(), "jim");
    assert_eq!(found.unwrap(), resident);
}

#[test]
fn a_user_who_is_not_in_the_old_cdb_is_found_in_the_new_text() {
    let tree = Tree::new();
    tree.write("domains/vpasswd", "new:x:1:0:New:/x:NOQUOTA\n");
    let find = || Domain::new(tree.home()).resident(&tree.world(), "new");
    tree.make_old("domains/vpasswd", Duration::from_secs(60));
    assert_eq!(find().unwrap(), Resident::Nobody);
    tree.make_old("domains/vpasswd.cdb", Duration::from_secs(120));
    assert!(matches!(find().unwrap(), Resident::User(_)));
}

#[rstest]
#[case::of_users("users/cdb", "users-cdb")]
#[case::of_a_domain("domains/vpasswd.cdb", "vpasswd-cdb")]
fn a_damaged_cdb_lets_the_mail_pass(#[case] file: &str, #[case] name: &str) {
    let tree = Tree::new();
    let whole = fs::read(tree.path(file)).unwrap();
    for length in [0, 100, 2048, whole.len() - 1] {
        fs::write(tree.path(file), &whole[..length]).unwrap();
        let answer = tree.recipient("jim@example.org");
        assert!(!answer.contains("E511"), "{length} bytes: {answer}");
        snapshot(&format!("rcptchecks__damaged-{name}"), &answer);
    }
}

#[rstest]
#[case::exact("=joe", "joe", "ext")]
#[case::longest_front("+joe-", "joe-z", "z")]
#[case::longer_front("+joe-x-", "joe-x-y", "y")]
#[case::without_regard_to_case("+joe-", "JOE-X", "x")]
#[case::nobody("", "jim", "")]
fn assign_and_its_cdb_agree(
    #[case] expected: &str,
    #[case] local: &str,
    #[case] extension: &str,
) {
    let lines = [
        "=joe:j:1:1:/=joe::ext:",
        "+joe-:j:1:1:/+joe-:-::",
        "+joe-x-:j:1:1:/+joe-x-:-::",
    ];
    let text = lines.join("\n") + "\n.\n+jim:j:1:1:/late:-::\n";
    let written = Frozen::new().file("users/assign", &text).world();
    let compiled: BTreeMap<String, String> = lines
        .iter()
        .map(|line| {
            let (name, fields) = line.split_once(':').unwrap();
            let (kind, name) = name.split_at(1);
            let end = if kind == "=" { "\0" } else { "" };
            (format!("!{name}{end}"), fields.replace(':', "\0"))
        })
        .chain([(String::new(), "-".to_owned())])
        .collect();
    let records = compiled.iter().map(|(k, v)| (k.as_str(), v.as_str()));
    let compiled = Frozen::new().cdb_with("users/cdb", records).world();
    for world in [written, compiled] {
        let found = assignment(&world, local).unwrap();
        let found = found.map(|it| (it.home, it.extension));
        let home = PathBuf::from(format!("/{expected}"));
        let wanted = (!expected.is_empty()).then(|| (home, extension.into()));
        assert_eq!(found, wanted);
    }
}

#[rstest]
#[case::a_domain("joe@example.org", Some("example.org"))]
#[case::a_subdomain("joe@lists.example.org", Some("lists"))]
#[case::one_address("boss@example.net", Some("chief"))]
#[case::an_exception("joe@here.example.org", None)]
#[case::not_virtual("joe@example.com", None)]
fn virtual_domains_have_a_prepend(
    #[case] address: &str,
    #[case] wanted: Option<&str>,
) {
    let world = Frozen::new()
        .file(
            "control/virtualdomains",
            "example.org:example.org\n.example.org:lists\n\
             boss@example.net:chief\nhere.example.org:\n",
        )
        .world();
    let address = Address::parse(address).unwrap();
    assert_eq!(prepend(&world, &address).unwrap().as_deref(), wanted);
}

#[rstest]
#[case::fresh("1000S\n1200 3\n", 60, 120)]
#[case::over_quota_and_old("1000S\n1200 3\n", 3600, 60)]
#[case::under_quota_and_old("1000S\n700 3\n", 3600, 70)]
#[case::about_another_quota("2000S\n700 3\n", 60, 60)]
#[case::not_of_this_form("1000S\nmany few\n", 60, 60)]
#[case::from_the_future("1000S\n1200 3\n", -3600, 60)]
#[case::empty("", 60, 60)]
fn a_stale_maildirsize_is_counted_again(
    #[case] content: &str,
    #[case] age: i64,
    #[case] percent: u64,
) {
    let now = 10_000;
    let modified = Duration::from_secs((now - age).try_into().unwrap());
    let world = Frozen::new()
        .at(Duration::from_secs(10_000))
        .file("/m/maildirsize", content)
        .dated("/m/maildirsize", modified)
        .file("/m/cur/1.a,S=100:2,S", "")
        .file("/m/cur/2.a,S=1000:2,ST", "in the trash")
        .file("/m/new/3.a", [b'x'; 200])
        .file("/m/.Sent/cur/4.a,S=300,W=310:2,", "")
        .file("/m/.Trash/cur/5.a,S=5000:2,", "")
        .file("/m/tmp/6.a,S=5000", "")
        .world();
    let quota = Quota::parse("1000S");
    let used = block_on(percent_used(&world, Path::new("/m"), quota));
    assert_eq!(used, percent);
}

#[rstest]
#[case::bytes("1000S", 500, 9, 50)]
#[case::messages("1000S,10C", 500, 9, 90)]
#[case::older_form("1000", 1500, 9, 150)]
#[case::none("NOQUOTA", 1500, 9, 0)]
#[case::zero("0S", 1500, 9, 0)]
#[case::nonsense("lots", 1500, 9, 0)]
fn a_quota_is_the_larger_share(
    #[case] quota: &str,
    #[case] bytes: u64,
    #[case] messages: u64,
    #[case] percent: u64,
) {
    let usage = Usage { bytes, messages };
    assert_eq!(Quota::parse(quota).percent(usage), percent);
}

#[rstest]
#[case::out("../../etc/passwd")]
#[case::up("..")]
#[case::a_slash("a/b")]
#[case::a_leading_dot(".joe")]
#[case::nothing("")]
#[case::a_nul("joe\0")]
#[case::a_newline("joe\nroot")]
#[case::too_long(&"x".repeat(201))]
fn no_address_reaches_a_file_name_unchecked(#[case] local_part: &str) {
    assert_eq!(Extension::new(local_part), None);
}

/// A world that notes the paths it is asked for.
struct Watched(std::sync::Arc<std::sync::Mutex<Vec<PathBuf>>>);

impl Watched {
    /// Takes a path down.
    fn note(&self, path: &Path) {
        self.0.lock().unwrap().push(path.to_owned());
    }
}

impl Files for Watched {
    fn read(&self, path: &Path) -> std::io::Result<Vec<u8>> {
        self.note(path);
        match path.to_str() {
            Some("/q/control/virtualdomains") => {
                Ok(b"x.example:x.example".into())
            }
            Some("/q/users/assign") => {
                Ok(b"+x.example-:v:1:1:/v/x:-::\n.\n".into())
            }
            _ => Err(std::io::ErrorKind::NotFound.into()),
        }
    }

    fn exists(&self, path: &Path) -> bool {
        self.note(path);
        false
    }

    fn cdb_get(
        &self,
        path: &Path,
        _: &[u8],
    ) -> std::io::Result<Option<Vec<u8>>> {
        self.note(path);
        Err(std::io::ErrorKind::NotFound.into())
    }

    fn about(&self, path: &Path) -> std::io::Result<ra_plugins::world::About> {
        self.note(path);
        Disk.about(Path::new("/nowhere"))
    }

    fn list(&self, path: &Path) -> std::io::Result<Vec<std::ffi::OsString>> {
        self.note(path);
        Err(std::io::ErrorKind::NotFound.into())
    }
}

proptest! {
    #[test]
    fn every_path_that_is_asked_for_stays_in_its_folder(
        local_part in "[a-z./\\\\:\"@ -]{0,20}|\\PC{0,20}|x{190,300}",
    ) {
        let paths = std::sync::Arc::<std::sync::Mutex<Vec<PathBuf>>>::default();
        let mut world = World::real("/q");
        world.files = std::sync::Arc::new(Watched(paths.clone()));
        let text = format!("{local_part}@x.example");
        if let Some(address) = Address::parse(&text) {
            _ = find(&world, &address);
        }
        for path in paths.lock().unwrap().iter() {
            let folder = path.parent().unwrap();
            let known = ["/q/control", "/q/users", "/v/x"];
            prop_assert!(known.contains(&folder.to_str().unwrap()), "{path:?}");
            let name = path.file_name().unwrap();
            prop_assert!(name.len() <= 255);
        }
    }
}

#[test]
fn a_list_becomes_a_sorted_cdb() {
    let folder = tempfile::tempdir().unwrap();
    let (list, cdb) = (folder.path().join("list"), folder.path().join("x.cdb"));
    fs::write(&list, "# staff\r\nJoe@example.org\r\njane@example.org\n\n")
        .unwrap();
    assert_eq!(build(&list, &cdb).unwrap(), 2);
    assert!(Disk.cdb_get(&cdb, b"joe@example.org").unwrap().is_some());
    assert!(Disk.cdb_get(&cdb, b"jim@example.org").unwrap().is_none());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn a_wrong_list_leaves_the_old_cdb() {
    let folder = tempfile::tempdir().unwrap();
    let (list, cdb) = (folder.path().join("list"), folder.path().join("x.cdb"));
    fs::write(&list, "joe@example.org").unwrap();
    build(&list, &cdb).unwrap();
    fs::write(&list, "jim@example.org\njoe doe\n").unwrap();
    let error = build(&list, &cdb).unwrap_err();
    assert!(matches!(error, BuildError::Entry(entry) if entry == "joe doe"));
    assert!(Disk.cdb_get(&cdb, b"joe@example.org").unwrap().is_some());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn an_entry_counts_once() {
    let keys = sorted(b"joe@x\nJOE@x\n\"joe\"@x\n\"a b\"@x\n").unwrap();
    assert_eq!(keys, ["a b@x", "joe@x"]);
}

proptest! {
    #[test]
    fn no_table_makes_a_plugin_panic(
        text in "([-=+.:@a-z0-9\\\\/\n]{0,40}|\\PC{0,40}){0,4}",
        name in "[-a-z.@]{0,20}|\\PC{0,20}",
    ) {
        let address = format!("{name}@x.example");
        let world = Frozen::new()
            .file("control/virtualdomains", format!("x.example:x.example\n{text}"))
            .file("users/assign", format!("+x.example-:v:1:1:/v:-::\n{text}"))
            .file("/v/vpasswd", &text)
            .file("/v/.qmail-default", &text)
            .file("/m/maildirsize", &text)
            .world();
        if let Some(address) = Address::parse(&address) {
            _ = find(&world, &address);
        }
        let quota = Quota::parse(&text);
        _ = block_on(percent_used(&world, Path::new("/m"), quota));
        _ = sorted(text.as_bytes());
    }
}
