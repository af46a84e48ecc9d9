//! The possible steps, and how often each occurs.

use proptest::{
    prelude::*,
    strategy::{BoxedStrategy, Union},
};
use proptest_state_machine::ReferenceStateMachine;

use super::reference::{ACCOUNTS, Model};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Secret,
    Public,
    Tokenization,
}

/// Each covers those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scopes {
    None,
    /// A scope that a platform defined.
    Charges,
    /// The same, and every scope for managing keys.
    Manage,
}

/// The worse of two statuses counts for both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Status {
    Active,
    Suspended,
    Closed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Active,
    Pending,
    Suspended,
    Expired,
    Revoked,
}

impl State {
    pub(super) const ALL: [Self; 5] = [Self::Active, Self::Pending, Self::Suspended, Self::Expired, Self::Revoked];
}

/// A change of a key. Times are in seconds from now.
#[derive(Clone, Copy, Debug)]
pub(super) enum Edit {
    Name,
    Scopes(Scopes),
    Begins(Option<u64>),
    Ends(Option<u64>),
    Suspend,
    Resume,
}

/// The caller.
#[derive(Clone, Copy, Debug)]
pub(super) enum By {
    Platform,
    Key(usize),
    Token(usize),
}

/// The credential at a gateway.
#[derive(Clone, Copy, Debug)]
pub(super) enum Credential {
    Key { key: usize, forged: bool },
    Token(usize),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Issue {
        mid: &'static str,
        kind: Kind,
        scopes: Scopes,
        life: Option<u64>,
    },
    IssuePair {
        mid: &'static str,
        name: &'static str,
        scopes: Scopes,
        overwrite: bool,
    },
    Revoke {
        by: By,
        key: usize,
        respond_async: bool,
    },
    Change {
        mid: &'static str,
        to: Status,
    },
    Edit {
        by: By,
        key: usize,
        edit: Edit,
    },
    Advance {
        seconds: u64,
    },
    /// Memory evicts a key, as it does when others need the room.
    Forget {
        key: usize,
    },
    Verify {
        by: By,
        key: usize,
        forged: bool,
        kind: Kind,
        mid: Option<&'static str>,
        charges: bool,
    },
    Auth {
        with: Credential,
        kind: Kind,
        charges: bool,
    },
    List {
        by: By,
        mid: &'static str,
        state: Option<State>,
    },
    Show {
        by: By,
        key: usize,
    },
    Obtain {
        public: usize,
        secret: usize,
    },
    Refresh {
        tokens: usize,
    },
}

impl Step {
    /// The keys and tokens that the step names.
    fn names(&self) -> (Vec<usize>, Vec<usize>) {
        let caller = |by: By| match by {
            By::Platform => (None, None),
            By::Key(key) => (Some(key), None),
            By::Token(token) => (None, Some(token)),
        };
        let named = |by: By, key: Option<usize>| {
            let (caller, token) = caller(by);
            (caller.into_iter().chain(key).collect(), token.into_iter().collect())
        };
        match *self {
            Self::Issue { .. } | Self::IssuePair { .. } | Self::Change { .. } | Self::Advance { .. } => {
                (Vec::new(), Vec::new())
            }
            Self::Revoke { by, key, .. }
            | Self::Edit { by, key, .. }
            | Self::Verify { by, key, .. }
            | Self::Show { by, key } => named(by, Some(key)),
            Self::List { by, .. } => named(by, None),
            Self::Forget { key } | Self::Auth { with: Credential::Key { key, .. }, .. } => (vec![key], Vec::new()),
            Self::Auth { with: Credential::Token(token), .. } | Self::Refresh { tokens: token } => {
                (Vec::new(), vec![token])
            }
            Self::Obtain { public, secret } => (vec![public, secret], Vec::new()),
        }
    }
}

fn mid() -> impl Strategy<Value = &'static str> {
    prop::sample::select(ACCOUNTS.map(|(mid, _)| mid).to_vec())
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![6 => Just(Kind::Secret), 2 => Just(Kind::Public), 1 => Just(Kind::Tokenization)]
}

fn secret_scopes() -> impl Strategy<Value = Scopes> {
    prop_oneof![2 => Just(Scopes::None), 3 => Just(Scopes::Charges), 3 => Just(Scopes::Manage)]
}

fn status() -> impl Strategy<Value = Status> {
    prop_oneof![8 => Just(Status::Active), 4 => Just(Status::Suspended), 1 => Just(Status::Closed)]
}

fn state() -> impl Strategy<Value = Option<State>> {
    let one = prop::sample::select(State::ALL.to_vec());
    prop::option::of(one)
}

fn life() -> impl Strategy<Value = Option<u64>> {
    prop_oneof![3 => Just(None), 2 => (1_u64..1_200).prop_map(Some)]
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        1 => Just(Edit::Name),
        5 => secret_scopes().prop_map(Edit::Scopes),
        2 => prop_oneof![2 => Just(None), 1 => (1_u64..900).prop_map(Some)].prop_map(Edit::Begins),
        3 => life().prop_map(Edit::Ends),
        4 => Just(Edit::Suspend),
        5 => Just(Edit::Resume),
    ]
}

/// The caller: mostly the platform, or else any.
fn by(keys: usize, tokens: usize) -> BoxedStrategy<By> {
    let mut callers = vec![(3, Just(By::Platform).boxed())];
    if keys > 0 {
        callers.push((2, (0..keys).prop_map(By::Key).boxed()));
    }
    if tokens > 0 {
        callers.push((1, (0..tokens).prop_map(By::Token).boxed()));
    }
    Union::new_weighted(callers).boxed()
}

impl ReferenceStateMachine for Model {
    type State = Self;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Self> {
        any::<bool>().prop_map(Self::new).boxed()
    }

    fn transitions(model: &Self) -> BoxedStrategy<Step> {
        let (keys, tokens) = (model.keys.len(), model.tokens.len());
        let issue = (mid(), kind(), secret_scopes(), life()).prop_map(|(mid, kind, scopes, life)| {
            // Only secret keys may manage.
            let scopes = if kind == Kind::Secret || scopes != Scopes::Manage { scopes } else { Scopes::Charges };
            Step::Issue { mid, kind, scopes, life }
        });
        let pair = (mid(), prop::sample::select(vec!["Shop", "Till"]), secret_scopes(), any::<bool>())
            .prop_map(|(mid, name, scopes, overwrite)| Step::IssuePair { mid, name, scopes, overwrite });
        let mut next = vec![
            (6, issue.boxed()),
            (5, pair.boxed()),
            (6, (mid(), status()).prop_map(|(mid, to)| Step::Change { mid, to }).boxed()),
            (3, prop_oneof![1_u64..400, Just(600)].prop_map(|seconds| Step::Advance { seconds }).boxed()),
            (2, (by(keys, tokens), mid(), state()).prop_map(|(by, mid, state)| Step::List { by, mid, state }).boxed()),
        ];
        if keys > 0 {
            let revoke = (by(keys, tokens), 0..keys, any::<bool>());
            let revoke = revoke.prop_map(|(by, key, respond_async)| Step::Revoke { by, key, respond_async });
            let forged = || prop::bool::weighted(0.1);
            let place = prop::option::weighted(0.2, mid());
            let verify = (by(keys, tokens), 0..keys, forged(), kind(), place, any::<bool>());
            let verify = verify.prop_map(|(by, key, forged, kind, mid, charges)| Step::Verify {
                by,
                key,
                forged,
                kind,
                mid,
                charges,
            });
            let auth = (0..keys, forged(), kind(), any::<bool>()).prop_map(|(key, forged, kind, charges)| Step::Auth {
                with: Credential::Key { key, forged },
                kind,
                charges,
            });
            let edit = (by(keys, tokens), 0..keys, edit()).prop_map(|(by, key, edit)| Step::Edit { by, key, edit });
            next.extend([
                (7, revoke.boxed()),
                (12, edit.boxed()),
                (6, verify.boxed()),
                (4, auth.boxed()),
                (2, (0..keys).prop_map(|key| Step::Forget { key }).boxed()),
                (3, (by(keys, tokens), 0..keys).prop_map(|(by, key)| Step::Show { by, key }).boxed()),
                (8, obtain(model)),
            ]);
        }
        if tokens > 0 {
            let auth = (0..tokens, kind(), any::<bool>()).prop_map(|(token, kind, charges)| Step::Auth {
                with: Credential::Token(token),
                kind,
                charges,
            });
            next.extend([(4, auth.boxed()), (4, (0..tokens).prop_map(|tokens| Step::Refresh { tokens }).boxed())]);
        }
        Union::new_weighted(next).boxed()
    }

    fn preconditions(model: &Self, step: &Step) -> bool {
        let (keys, tokens) = step.names();
        keys.iter().all(|key| model.keys.contains_key(key))
            && tokens.iter().all(|token| model.tokens.contains_key(token))
    }

    fn apply(model: Self, step: &Step) -> Self {
        model.step(step)
    }
}

/// Tokens for two keys of one account, if there are such; or for any two.
fn obtain(model: &Model) -> BoxedStrategy<Step> {
    let of =
        |kind| move |(number, key): (&usize, &super::reference::Key)| (key.kind == kind).then_some((*number, key.mid));
    let secrets: Vec<_> = model.keys.iter().filter_map(of(Kind::Secret)).collect();
    let publics = model.keys.iter().filter_map(of(Kind::Public));
    let fitting: Vec<_> = publics
        .flat_map(|(public, mid)| secrets.iter().filter(move |it| it.1 == mid).map(move |it| (public, it.0)))
        .collect();
    let any_two = (0..model.keys.len(), 0..model.keys.len()).boxed();
    let two = if fitting.is_empty() {
        any_two
    } else {
        prop_oneof![6 => prop::sample::select(fitting), 1 => any_two].boxed()
    };
    two.prop_map(|(public, secret)| Step::Obtain { public, secret }).boxed()
}
