//! What exchanges say of creatives: who notes it, who sees it, and when it must be said anew.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::support::{ADMIN, ANN, World};

const CREATIVE: &str = "/api/v1/creatives/1";
const APPROVAL: &str = "/api/v1/creatives/1/approvals/generic";

async fn creative(world: &World) -> Value {
    world.rest("GET", CREATIVE, ANN, &Value::Null).await.json()
}

#[tokio::test]
async fn administrators_note_what_exchanges_say() {
    let world = World::new();
    let said = json!({"state": "rejected", "reason": "too loud"});
    let reply = world.rest("PUT", APPROVAL, ANN, &said).await;
    assert_eq!(reply.status, StatusCode::FORBIDDEN);
    let reply = world.rest("PUT", APPROVAL, ADMIN, &said).await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    assert_eq!(creative(&world).await["approvals"]["generic"], said);
    let page = world.get("/creatives/1", ANN).await;
    assert!(page.body.contains("too loud") && !page.body.contains("/approvals\""));
    let pairs = [("exchange", "other"), ("state", "approved"), ("reason", "")];
    let reply = world.post("/creatives/1/approvals", ANN, &pairs).await;
    assert_eq!(reply.status, StatusCode::FORBIDDEN);
    let reply = world.post("/creatives/1/approvals", ADMIN, &pairs).await;
    assert_eq!(reply.status, StatusCode::SEE_OTHER, "{reply:?}");
    let approvals = &creative(&world).await["approvals"];
    assert_eq!(approvals["other"]["state"], "approved");
    assert_eq!(approvals["generic"], said, "the other stays");
    let odd = json!({"state": "approved", "reason": "a\nb"});
    let reply = world.rest("PUT", APPROVAL, ADMIN, &odd).await;
    assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn what_changes_is_pending_again() {
    let world = World::new();
    let approved = json!({"state": "approved"});
    world.rest("PUT", APPROVAL, ADMIN, &approved).await;
    let state = async |change: Value| {
        let mut document = creative(&world).await;
        let change = change.as_object().unwrap().clone();
        document.as_object_mut().unwrap().extend(change);
        let reply = world.rest("PUT", CREATIVE, ANN, &document).await;
        assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
        creative(&world).await["approvals"]["generic"]["state"].clone()
    };
    assert_eq!(
        state(json!({"name": "Other", "status": "paused"})).await,
        "approved"
    );
    assert_eq!(
        state(json!({"approvals": {}})).await,
        "approved",
        "nobody forgets it"
    );
    assert_eq!(
        state(json!({"click_url": "https://other.example/"})).await,
        "pending"
    );
    let own = json!({"approvals": {"generic": {"state": "approved"}}});
    assert_eq!(state(own).await, "pending", "nobody approves their own");
}
