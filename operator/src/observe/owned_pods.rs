//! Which pods a StatefulSet controls, so that a round need not look at every pod of the cluster for its own.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use k8s_openapi::api::core::v1::Pod;
use kube::{
    ResourceExt as _,
    runtime::{
        reflector::{ObjectRef, Store},
        watcher::Event,
    },
};

/// Names of pods by the UID of their controller. Cloning shares it.
#[derive(Debug, Clone, Default)]
pub struct OwnedPods {
    names: Arc<Mutex<Names>>,
}

type ByOwner = HashMap<String, HashSet<ObjectRef<Pod>>>;

#[derive(Debug, Default)]
struct Names {
    by_owner: ByOwner,
    /// What a list that is under way has shown so far. It replaces the rest when it ends, as in the store.
    listed: ByOwner,
}

impl OwnedPods {
    /// Follows what the watch shows. The store has it already.
    pub(super) fn follow(&self, event: &Event<Pod>) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Init => names.listed.clear(),
            Event::InitApply(pod) => insert(&mut names.listed, pod),
            Event::InitDone => names.by_owner = std::mem::take(&mut names.listed),
            Event::Apply(pod) => insert(&mut names.by_owner, pod),
            Event::Delete(pod) => remove(&mut names.by_owner, pod),
        }
    }

    /// The pods that the controller with this UID controls.
    pub(super) fn of(&self, owner: &str, pods: &Store<Pod>) -> Vec<Arc<Pod>> {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let names = names.by_owner.get(owner).into_iter().flatten();
        // A pod of the same name may belong to another by now.
        names
            .filter_map(|name| pods.get(name))
            .filter(|pod| controller(pod) == Some(owner))
            .collect()
    }
}

fn controller(pod: &Pod) -> Option<&str> {
    let mut owners = pod.owner_references().iter();
    let controller = owners.find(|owner| owner.controller == Some(true));
    controller.map(|owner| owner.uid.as_str())
}

fn insert(names: &mut ByOwner, pod: &Pod) {
    if let Some(owner) = controller(pod) {
        names
            .entry(owner.to_owned())
            .or_default()
            .insert(ObjectRef::from_obj(pod));
    }
}

fn remove(names: &mut ByOwner, pod: &Pod) {
    let Some(owner) = controller(pod) else { return };
    let Some(of_owner) = names.get_mut(owner) else { return };
    of_owner.remove(&ObjectRef::from_obj(pod));
    if of_owner.is_empty() {
        names.remove(owner);
    }
}

#[cfg(test)]
mod tests {
    use kube::runtime::reflector;
    use serde_json::json;

    use super::*;

    fn pod(name: &str, owner: &str) -> Pod {
        let owners =
            json!([{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "s", "uid": owner, "controller": true}]);
        serde_json::from_value(json!({"metadata": {"name": name, "namespace": "shop", "ownerReferences": owners}}))
            .unwrap()
    }

    fn of(owned: &OwnedPods, owner: &str, store: &Store<Pod>) -> Vec<String> {
        let mut names: Vec<String> = owned.of(owner, store).iter().map(|pod| pod.name_any()).collect();
        names.sort();
        names
    }

    #[test]
    fn pods_are_found_by_their_controller_as_the_store_has_them() {
        let owned = OwnedPods::default();
        let (store, mut writer) = reflector::store();
        let mut show = |event: Event<Pod>| {
            writer.apply_watcher_event(&event);
            owned.follow(&event);
        };
        show(Event::Init);
        show(Event::InitApply(pod("a-0", "a")));
        show(Event::InitApply(pod("b-0", "b")));
        show(Event::InitDone);
        show(Event::Apply(pod("a-1", "a")));
        assert_eq!(of(&owned, "a", &store), ["a-0", "a-1"]);
        assert_eq!(of(&owned, "b", &store), ["b-0"]);
        show(Event::Delete(pod("a-0", "a")));
        // The name goes to another controller, and nobody tells that the first pod is gone.
        show(Event::Apply(pod("b-0", "c")));
        assert_eq!(of(&owned, "a", &store), ["a-1"]);
        assert_eq!(of(&owned, "b", &store), [""; 0]);
        assert_eq!(of(&owned, "c", &store), ["b-0"]);
        // A list that was begun anew forgets what is not in it.
        show(Event::Init);
        show(Event::InitApply(pod("b-0", "c")));
        assert_eq!(of(&owned, "a", &store), ["a-1"], "the list has not ended yet");
        show(Event::InitDone);
        assert_eq!(of(&owned, "a", &store), [""; 0]);
    }
}
