//! Who may call: the credentials the simulator knows, the roles it gives out, and what each is allowed. Reads no HTTP.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    error::{ApiError, ErrorCode},
    random::Random,
};

/// Sessions that roles have given out and that are still known; over it the oldest is forgotten.
const MAX_REMEMBERED_SESSIONS: usize = 1_000;

/// What a caller must bring. The default believes everybody, which is what a demo wants.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AccessSettings {
    /// Whether requests must be signed by one of the credentials.
    pub signatures: Signatures,
    /// How far the simulator's clock is ahead of the machine's; over five minutes every signature is refused.
    pub clock_offset_seconds: i64,
    /// How a signature is refused whose date is too far from the simulator's clock. Absent:
    /// `InvalidSignatureException`; the service also says `RequestExpired`.
    pub clock_error_code: Option<ErrorCode>,
    /// Long-lived credentials.
    pub credentials: Vec<Credential>,
    /// Roles that STS gives out. With none, any well-formed role is given out.
    pub roles: Vec<Role>,
}

/// Whether signatures are looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Signatures {
    /// Any request passes, signed or not.
    #[default]
    Ignored,
    /// As the service does it: Signature Version 4 of a known credential, at most five minutes old.
    Verified,
}

/// One set of keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Credential {
    /// `AKIA…` or `ASIA…`.
    pub access_key_id: String,
    /// The shared secret.
    pub secret_access_key: String,
    /// The token that must come with temporary credentials.
    #[serde(default)]
    pub session_token: Option<String>,
    /// Whether it is still good.
    #[serde(default)]
    pub state: CredentialState,
    /// Actions that its policy allows, such as `firehose:PutRecord`. Absent: all.
    #[serde(default)]
    pub allowed_actions: Option<Vec<String>>,
}

/// What has become of a credential.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum CredentialState {
    /// Good.
    #[default]
    Valid,
    /// `ExpiredTokenException`.
    Expired,
    /// `UnrecognizedClientException`, as for a key that was deleted or never existed.
    Revoked,
    /// `AccessDeniedException`, as for a session that is older than its role's revocation.
    Denied,
}

/// What becomes of all sessions that roles have given out so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SessionEnding {
    /// From now on.
    pub state: CredentialState,
}

impl Default for SessionEnding {
    /// They are revoked.
    fn default() -> Self {
        Self {
            state: CredentialState::Revoked,
        }
    }
}

/// A role that STS gives out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Role {
    /// `arn:aws:iam::…:role/…`.
    pub arn: String,
    /// The external id that AssumeRole must bring.
    #[serde(default)]
    pub external_id: Option<String>,
    /// The tokens that AssumeRoleWithWebIdentity takes. Absent: any.
    #[serde(default)]
    pub web_identity_tokens: Option<Vec<String>>,
    /// Lifetime of its sessions instead of the requested one; may be shorter than the 900 s that STS allows.
    #[serde(default)]
    pub session_seconds: Option<u32>,
    /// Actions that its policy allows. Absent: all.
    #[serde(default)]
    pub allowed_actions: Option<Vec<String>>,
}

/// A caller whose signature was good, or who was not asked for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) arn: String,
    allowed_actions: Option<Vec<String>>,
}

/// Temporary credentials as STS answers with them.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) credential: Credential,
    pub(crate) arn: String,
    pub(crate) expires_at: Timestamp,
}

/// The settings and the sessions that followed from them.
#[derive(Debug)]
pub(crate) struct Access {
    account: String,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    settings: AccessSettings,
    sessions: VecDeque<Session>,
    random: Random,
}

impl Access {
    pub(crate) fn new(settings: AccessSettings, account: &str, seed: u64) -> Self {
        let random = Random::new(seed, "sessions");
        let state = Mutex::new(State {
            settings,
            sessions: VecDeque::new(),
            random,
        });
        Self {
            account: account.to_owned(),
            state,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the settings. Other credentials or roles end all sessions; another clock does not.
    pub(crate) fn configure(&self, settings: AccessSettings) {
        let mut state = self.state();
        if (&settings.credentials, &settings.roles) != (&state.settings.credentials, &state.settings.roles) {
            state.sessions.clear();
        }
        state.settings = settings;
    }

    /// What becomes of the sessions that there are. Those that are asked for later are good.
    pub(crate) fn end_sessions(&self, ending: &SessionEnding) {
        for session in &mut self.state().sessions {
            session.credential.state = ending.state;
        }
    }

    pub(crate) fn settings(&self) -> AccessSettings {
        self.state().settings.clone()
    }

    pub(crate) fn verifies(&self) -> bool {
        self.state().settings.signatures == Signatures::Verified
    }

    /// The simulator's own clock.
    pub(crate) fn now(&self) -> Timestamp {
        let offset = jiff::SignedDuration::from_secs(self.state().settings.clock_offset_seconds);
        Timestamp::now().saturating_add(offset).unwrap_or(Timestamp::MAX)
    }

    /// The code for a date that is too far from the clock.
    pub(crate) fn clock_error_code(&self) -> ErrorCode {
        let stated = self.state().settings.clock_error_code;
        stated.unwrap_or(ErrorCode::InvalidSignatureException)
    }

    /// Everybody, when signatures are ignored.
    pub(crate) fn anybody(&self) -> Caller {
        Caller {
            arn: format!("arn:aws:iam::{}:root", self.account),
            allowed_actions: None,
        }
    }

    /// The secret and the caller behind an access key that comes with this session token.
    pub(crate) fn look_up(&self, key: &str, token: Option<&str>, now: Timestamp) -> Result<(String, Caller), ApiError> {
        let state = self.state();
        let invalid = || refuse(ErrorCode::UnrecognizedClientException);
        let expired = || refuse(ErrorCode::ExpiredTokenException);
        let session = state
            .sessions
            .iter()
            .find(|session| session.credential.access_key_id == key);
        let (credential, arn) = match session {
            Some(session) if session.expires_at <= now => return Err(expired()),
            Some(session) => (&session.credential, session.arn.clone()),
            None => {
                let known = state
                    .settings
                    .credentials
                    .iter()
                    .find(|known| known.access_key_id == key);
                (
                    known.ok_or_else(invalid)?,
                    format!("arn:aws:iam::{}:user/{key}", self.account),
                )
            }
        };
        if credential.session_token.as_deref() != token {
            return Err(invalid());
        }
        match credential.state {
            CredentialState::Valid => {
                let caller = Caller {
                    arn,
                    allowed_actions: credential.allowed_actions.clone(),
                };
                Ok((credential.secret_access_key.clone(), caller))
            }
            CredentialState::Expired => Err(expired()),
            CredentialState::Revoked => Err(invalid()),
            CredentialState::Denied => Ok((
                credential.secret_access_key.clone(),
                Caller {
                    arn,
                    allowed_actions: Some(Vec::new()),
                },
            )),
        }
    }

    /// The role of this name, if STS gives it out at all.
    pub(crate) fn role(&self, arn: &str) -> Option<Role> {
        let state = self.state();
        if state.settings.roles.is_empty() {
            let (arn, external_id) = (arn.to_owned(), None);
            let any = Role {
                arn,
                external_id,
                web_identity_tokens: None,
                session_seconds: None,
                allowed_actions: None,
            };
            return Some(any);
        }
        state.settings.roles.iter().find(|role| role.arn == arn).cloned()
    }

    /// A new session of a role.
    pub(crate) fn open_session(&self, role: &Role, name: &str, requested: Duration, now: Timestamp) -> Session {
        let mut state = self.state();
        let mut draw = |prefix: &str, length| {
            let mut text = prefix.to_owned();
            state.random.text(length, &mut text);
            text
        };
        // An access key id is upper case and digits; the rest of the alphabet would look wrong in a log.
        let access_key_id = draw("ASIA", 16).to_ascii_uppercase().replace(['+', '/'], "7");
        let (secret_access_key, session_token) = (draw("", 40), Some(draw("IQoJb3JpZ2luX2VjE", 340)));
        let lifetime = role
            .session_seconds
            .map_or(requested, |seconds| Duration::from_secs(seconds.into()));
        let role_name = role.arn.rsplit('/').next().unwrap_or_default();
        let session = Session {
            credential: Credential {
                access_key_id,
                secret_access_key,
                session_token,
                state: CredentialState::Valid,
                allowed_actions: role.allowed_actions.clone(),
            },
            arn: format!("arn:aws:sts::{}:assumed-role/{role_name}/{name}", self.account),
            expires_at: now.saturating_add(lifetime).unwrap_or(Timestamp::MAX),
        };
        if state.sessions.len() == MAX_REMEMBERED_SESSIONS {
            state.sessions.pop_front();
        }
        state.sessions.push_back(session.clone());
        session
    }
}

impl Caller {
    /// Whether the caller's policy allows an action on a resource, in the service's words when not.
    pub(crate) fn authorize(&self, action: &str, resource: impl FnOnce() -> String) -> Result<(), ApiError> {
        if self
            .allowed_actions
            .as_ref()
            .is_none_or(|allowed| allowed.iter().any(|one| one == action))
        {
            return Ok(());
        }
        let (arn, resource) = (&self.arn, resource());
        let message = format!(
            "User: {arn} is not authorized to perform: {action} on resource: {resource} because no identity-based policy allows the {action} action"
        );
        Err(ApiError::new(ErrorCode::AccessDeniedException, message))
    }
}

fn refuse(code: ErrorCode) -> ApiError {
    ApiError::new(code, code.usual_message())
}
