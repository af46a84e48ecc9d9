//! Examples at the end of each help text. A test parses each of them with the command line.

pub(super) const KEYWARD: &str = "\
Examples:
  keyward                                   a sandbox with demo accounts, on this machine alone
  keyward doctor                            problems here, and what to do about them
  keyward help key create                   details of one command";

pub(super) const SERVE: &str = "\
Examples:
  keyward serve --listen 0.0.0.0:8443 --config /etc/keyward/keyward.toml
  keyward serve --data-dir ./try --demo";

pub(super) const HEALTH: &str = "\
Examples:
  keyward health                            whether the process answers (GET /healthz)
  keyward health --ready --timeout 2s       whether it can answer requests (GET /readyz)";

pub(super) const MIGRATE: &str = "\
Examples:
  keyward migrate --data-dir /var/lib/keyward
  keyward migrate --config /etc/keyward/owner.toml    as the owner of the tables";

pub(super) const DOCTOR: &str = "\
Examples:
  keyward doctor --config /etc/keyward/keyward.toml
  keyward doctor --format json | jq -r '.[] | select(.level != \"ok\").finding'";

pub(super) const BACKUP: &str = "\
Example:
  keyward backup /backups/keyward.db";

pub(super) const RESTORE: &str = "\
Example:
  keyward restore /backups/keyward.db";

pub(super) const COMPLETION: &str = "\
Examples:
  keyward completion bash > /usr/share/bash-completion/completions/keyward
  keyward completion zsh > /usr/local/share/zsh/site-functions/_keyward";

pub(super) const MAN: &str = "\
Examples:
  keyward man | man -l -
  keyward man --out /usr/local/share/man/man1";

pub(super) const ACCOUNT_CREATE: &str = "\
Examples:
  keyward account create --role platform --name 'Our platform' --mid platform
  keyward account create --role partner --name 'A partner' --parent platform";

pub(super) const ACCOUNT_LIST: &str = "\
Examples:
  keyward account list
  keyward account list --format json | jq -r '.[].mid'";

pub(super) const ACCOUNT_SUSPEND: &str = "\
Example:
  keyward account suspend shop-1";

pub(super) const ACCOUNT_RESUME: &str = "\
Example:
  keyward account resume shop-1";

pub(super) const ACCOUNT_CLOSE: &str = "\
Examples:
  keyward account close shop-1
  keyward account close shop-1 --yes        in a script";

pub(super) const POLICY_SHOW: &str = "\
Example:
  keyward policy show shop-1";

pub(super) const POLICY_SET: &str = "\
Examples:
  keyward policy set partner-1 --max-life 365d --default-life 90d --dry-run
  keyward policy set shop-1 --max-keys 10 --idle 90d --idle-action suspend
  keyward policy set shop-1 --none";

pub(super) const KEY_CREATE: &str = "\
Examples:
  keyward key create --mid shop-1 --name Till --type secret --scope charges:read --expires-at 30d --out till.json
  keyward key create --mid shop-1 --name Page --type public --expires-at 2027-01-31T00:00:00Z";

pub(super) const KEY_PAIR: &str = "\
Example:
  keyward key pair --mid partner-1 --name back-office --scope 'api-keys:*' --scope 'merchants:*' --out partner-1.json";

pub(super) const KEY_LIST: &str = "\
Examples:
  keyward key list --mid shop-1 --state active
  keyward key list --mid shop-1 --format json";

pub(super) const KEY_SHOW: &str = "\
Example:
  keyward key show key_01h2xcejqtf2nbrexx3vqjhp41 --format json";

pub(super) const KEY_UPDATE: &str = "\
Examples:
  keyward key update key_01h2xcejqtf2nbrexx3vqjhp41 --name 'Till 3' --metadata shop=17
  keyward key update key_01h2xcejqtf2nbrexx3vqjhp41 --scope charges:read --expires-at 30d
  keyward key update key_01h2xcejqtf2nbrexx3vqjhp41 --clear expires-at";

pub(super) const KEY_SUSPEND: &str = "\
Example:
  keyward key suspend key_01h2xcejqtf2nbrexx3vqjhp41";

pub(super) const KEY_RESUME: &str = "\
Example:
  keyward key resume key_01h2xcejqtf2nbrexx3vqjhp41";

pub(super) const KEY_VERIFY: &str = "\
Examples:
  keyward key verify < value.txt
  keyward key verify --scope charges:read --mid shop-1 < value.txt";

pub(super) const KEY_REVOKE: &str = "\
Examples:
  keyward key revoke key_01h2xcejqtf2nbrexx3vqjhp41 --reason compromised
  keyward key revoke key_01h2xcejqtf2nbrexx3vqjhp41 --yes";

pub(super) const SIGNING_KEY_ROTATE: &str = "\
Example:
  keyward signing-key rotate";

pub(super) const DEMO_ENV: &str = "\
Examples:
  eval \"$(keyward demo env)\"
  keyward demo env --url http://localhost:8080";
