//! The surroundings of a node: a folder of its own and, unless it is embedded, a database of its own.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use super::{
    Program,
    database::{Database, Session},
};

/// A folder and a database, removed when dropped.
pub(crate) struct Place {
    folder: TempDir,
    database: Option<Database>,
}

impl Place {
    /// An empty folder.
    pub(crate) fn embedded() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), database: None }
    }

    /// An empty folder and an empty database on the Postgres that all tests share.
    pub(crate) async fn postgres() -> Self {
        Self::on(&keyward_testkit::pg::shared_url().unwrap()).await
    }

    /// An empty folder and an empty database on this server.
    pub(crate) async fn on(server: &str) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), database: Some(Database::create(server).await) }
    }

    pub(crate) fn is_embedded(&self) -> bool {
        self.database.is_none()
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The default data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder().join("keyward-data")
    }

    /// The database's URL.
    pub(crate) fn url(&self) -> Option<&str> {
        self.database.as_ref().map(Database::url)
    }

    /// The binary in this folder, with the database as its only setting.
    pub(crate) fn keyward(&self) -> Program {
        self.keyward_in(self.folder())
    }

    /// The same in another folder.
    pub(crate) fn keyward_in(&self, folder: &Path) -> Program {
        let program = Program::in_folder(folder);
        match self.url() {
            Some(url) => program.env("DATABASE_URL", url),
            None => program,
        }
    }

    /// A sandbox on a free port, with demo accounts on either database.
    pub(crate) fn sandbox(&self) -> Program {
        let demo = if self.is_embedded() { "" } else { "--demo" };
        self.keyward().words("serve --listen 127.0.0.1:0").words(demo)
    }

    /// A production deployment on a free port, with a master key of its own.
    pub(crate) fn production(&self) -> Program {
        let settings = [("KEYWARD_ENVIRONMENT", "production"), ("KEYWARD_PUBLIC_URL", "https://keys.example.com")];
        let program = settings.into_iter().fold(self.keyward(), |program, (name, value)| program.env(name, value));
        let key = self.folder().join("master.key");
        if !key.exists() {
            master_key(&key, 1, 0o600);
        }
        program.env("KEYWARD_MASTER_KEY_FILE", key).env("KEYWARD_DATA_DIR", self.data())
    }

    /// Changes the database without any node.
    pub(crate) async fn execute(&self, sql: &'static str) {
        match &self.database {
            Some(database) => database.execute(sql).await,
            None => super::database::execute_embedded(&self.data().join("keyward.db"), sql).await,
        }
    }

    /// Tries statements on the Postgres without any node. Returns the server's error.
    pub(crate) async fn attempt(&self, sql: &str) -> Result<(), String> {
        self.database.as_ref().expect("a Postgres").attempt(sql).await
    }

    /// A session that has run this, and keeps its locks until its end.
    pub(crate) async fn session(&self, sql: &'static str) -> Session {
        self.database.as_ref().expect("a Postgres").session(sql).await
    }

    /// Reads from the Postgres without any node: the first column of each row, which is text.
    pub(crate) async fn column(&self, sql: &'static str) -> Vec<String> {
        self.database.as_ref().expect("a Postgres").column(sql).await
    }
}

/// Creates a file for its owner only.
pub(crate) fn private(path: &Path, content: &str) {
    fs::write(path, content).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// Creates a master key whose bytes are all `seed`.
pub(crate) fn master_key(path: &Path, seed: u8, mode: u32) {
    let bytes: Vec<u8> = (0..32_u8).map(|place| seed.wrapping_mul(37) ^ place.wrapping_mul(151)).collect();
    fs::write(path, bytes).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// The mode of a file.
pub(crate) fn mode_of(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}
