//! A look-up reads a neighbour if its key does not exist: a corrupt neighbour affects no other key.

use std::sync::Arc;

use keyward_domain::KeyId;
use keyward_storage::{
    StorageError, Store,
    conformance::{
        RawSql as _,
        sample::{Draft, Tree, fresh},
    },
};

use crate::database::Database;

#[tokio::test]
async fn an_invalid_time_fails_only_its_own_key() {
    let database = Database::migrated().await;
    let store: Arc<dyn Store> = Arc::new(database.store(1).await);
    let tree = Tree::plant_in(&store).await;
    let key = Draft::manager_key().store(&store, &tree.merchant_chain()).await;
    for moment in ["infinity", "-infinity"] {
        let sql = format!("UPDATE api_key SET expires_at = '{moment}'");
        assert_eq!(database.raw().execute(&sql).await, Ok(1));
        let result = store.credential(key.id()).await;
        assert!(matches!(result, Err(StorageError::Corrupt { table: "api_key", .. })), "{result:?}");
        assert_eq!(store.credential(KeyId::from_uuid(fresh())).await.unwrap(), None);
    }
}
