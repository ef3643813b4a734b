//! The attributes that rules read, and which of several names for one thing goes first.
//!
//! The only place that spells attribute names. New conventions stand before the old ones they replace.

/// Declares [`Key`] and the spelling of each key side by side.
macro_rules! keys {
    ($($variant:ident = $name:literal,)+) => {
        /// A known attribute: the number of its slot.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub(super) enum Key { $(#[doc = $name] $variant,)+ }

        /// The spelling of each key, by number.
        pub(super) const NAMES: &[&str] = &[$($name,)+];
        const KEYS: &[Key] = &[$(Key::$variant,)+];
    };
}

keys! {
    ServiceName = "service.name",
    ServiceNamespace = "service.namespace",
    ServiceVersion = "service.version",
    ServiceInstanceId = "service.instance.id",
    DeploymentEnvironmentName = "deployment.environment.name",
    DeploymentEnvironment = "deployment.environment",
    HostId = "host.id",
    HostName = "host.name",
    Hostname = "hostname",
    K8sNodeName = "k8s.node.name",
    K8sPodName = "k8s.pod.name",
    ServicePeerName = "service.peer.name",
    ServicePeerNamespace = "service.peer.namespace",
    PeerService = "peer.service",
    DbSystemName = "db.system.name",
    DbSystem = "db.system",
    DbNamespace = "db.namespace",
    DbName = "db.name",
    DbRedisDatabaseIndex = "db.redis.database_index",
    DbType = "db.type",
    DbInstance = "db.instance",
    MessagingSystem = "messaging.system",
    MessagingDestinationTemplate = "messaging.destination.template",
    MessagingDestinationName = "messaging.destination.name",
    MessagingDestination = "messaging.destination",
    MessagingDestinationTemporary = "messaging.destination.temporary",
    MessagingDestinationAnonymous = "messaging.destination.anonymous",
    MessagingOperationType = "messaging.operation.type",
    MessagingOperation = "messaging.operation",
    RpcSystemName = "rpc.system.name",
    RpcSystem = "rpc.system",
    RpcService = "rpc.service",
    RpcMethod = "rpc.method",
    HttpRequestMethod = "http.request.method",
    HttpMethod = "http.method",
    HttpRoute = "http.route",
    HttpTarget = "http.target",
    HttpUrl = "http.url",
    HttpHost = "http.host",
    HttpRequestResendCount = "http.request.resend_count",
    HttpResendCount = "http.resend_count",
    UrlTemplate = "url.template",
    UrlPath = "url.path",
    UrlFull = "url.full",
    ServerAddress = "server.address",
    ServerPort = "server.port",
    NetPeerName = "net.peer.name",
    NetPeerPort = "net.peer.port",
    NetPeerIp = "net.peer.ip",
    NetworkPeerAddress = "network.peer.address",
    NetworkPeerPort = "network.peer.port",
    NetSockPeerName = "net.sock.peer.name",
    NetSockPeerAddr = "net.sock.peer.addr",
    NetSockPeerPort = "net.sock.peer.port",
    SampleRate = "SampleRate",
    SamplerType = "sampler.type",
    SamplerParam = "sampler.param",
    SamplingProbability = "sampling.probability",
}

/// Some keys for one thing, in the order in which they are asked.
pub(super) struct Precedence {
    keys: &'static [Key],
    mask: u128,
}

impl Precedence {
    const fn of(keys: &'static [Key]) -> Precedence {
        let mut mask = 0;
        let mut index = 0;
        while index < keys.len() {
            mask |= keys[index].bit();
            index += 1;
        }
        Precedence { keys, mask }
    }

    /// The bits of all its keys.
    #[inline(always)]
    pub fn mask(&self) -> u128 {
        self.mask
    }

    /// The keys, first choice first.
    pub fn iter(&self) -> impl Iterator<Item = Key> {
        self.keys.iter().copied()
    }
}

/// Name of the service that made the span.
pub(super) const SERVICE: Precedence = Precedence::of(&[Key::ServiceName]);
/// Its namespace.
pub(super) const NAMESPACE: Precedence = Precedence::of(&[Key::ServiceNamespace]);
/// Its version.
pub(super) const VERSION: Precedence = Precedence::of(&[Key::ServiceVersion]);
/// Its environment.
pub(super) const ENVIRONMENT: Precedence =
    Precedence::of(&[Key::DeploymentEnvironmentName, Key::DeploymentEnvironment]);
/// Its clock (ALGORITHMS 0): the last two are finer than a clock, which does no harm.
pub(super) const CLOCK: Precedence = Precedence::of(&[
    Key::HostId,
    Key::K8sNodeName,
    Key::HostName,
    Key::Hostname,
    Key::K8sPodName,
    Key::ServiceInstanceId,
]);
/// The other side's name as a service.
pub(super) const PEER_SERVICE: Precedence = Precedence::of(&[Key::ServicePeerName, Key::PeerService]);
/// The other side's namespace.
pub(super) const PEER_NAMESPACE: Precedence = Precedence::of(&[Key::ServicePeerNamespace]);
/// What a database is.
pub(super) const DB_SYSTEM: Precedence = Precedence::of(&[Key::DbSystemName, Key::DbSystem, Key::DbType]);
/// Which database of a server.
pub(super) const DB_NAMESPACE: Precedence =
    Precedence::of(&[Key::DbNamespace, Key::DbName, Key::DbRedisDatabaseIndex, Key::DbInstance]);
/// Any sign of a database.
pub(super) const DATABASE: Precedence = Precedence::of(&[
    Key::DbSystemName,
    Key::DbSystem,
    Key::DbType,
    Key::DbNamespace,
    Key::DbName,
    Key::DbRedisDatabaseIndex,
    Key::DbInstance,
]);
/// What a broker is.
pub(super) const MESSAGING_SYSTEM: Precedence = Precedence::of(&[Key::MessagingSystem]);
/// Topic, queue or exchange; a template stands for many that are alike.
pub(super) const DESTINATION: Precedence = Precedence::of(&[
    Key::MessagingDestinationTemplate,
    Key::MessagingDestinationName,
    Key::MessagingDestination,
]);
/// Any sign of messaging.
pub(super) const MESSAGING: Precedence = Precedence::of(&[
    Key::MessagingSystem,
    Key::MessagingDestinationTemplate,
    Key::MessagingDestinationName,
    Key::MessagingDestination,
]);
/// What a messaging span does.
pub(super) const MESSAGING_OPERATION: Precedence =
    Precedence::of(&[Key::MessagingOperationType, Key::MessagingOperation]);
/// What an RPC speaks.
pub(super) const RPC_SYSTEM: Precedence = Precedence::of(&[Key::RpcSystemName, Key::RpcSystem]);
/// RPC service; the new convention has it within the method.
pub(super) const RPC_SERVICE: Precedence = Precedence::of(&[Key::RpcService]);
/// RPC method.
pub(super) const RPC_METHOD: Precedence = Precedence::of(&[Key::RpcMethod]);
/// Any sign of an RPC.
pub(super) const RPC: Precedence =
    Precedence::of(&[Key::RpcSystemName, Key::RpcSystem, Key::RpcService, Key::RpcMethod]);
/// HTTP method.
pub(super) const HTTP_METHOD: Precedence = Precedence::of(&[Key::HttpRequestMethod, Key::HttpMethod]);
/// Any sign of HTTP.
pub(super) const HTTP: Precedence = Precedence::of(&[
    Key::HttpRequestMethod,
    Key::HttpMethod,
    Key::HttpRoute,
    Key::HttpTarget,
    Key::HttpUrl,
    Key::HttpHost,
]);
/// The matched route.
pub(super) const ROUTE: Precedence = Precedence::of(&[Key::HttpRoute]);
/// The template of a client's URL.
pub(super) const URL_TEMPLATE: Precedence = Precedence::of(&[Key::UrlTemplate]);
/// The path, or what holds it.
pub(super) const PATH: Precedence =
    Precedence::of(&[Key::UrlPath, Key::HttpTarget, Key::HttpUrl, Key::UrlFull]);
/// How often a request was sent again.
pub(super) const RESEND_COUNT: Precedence =
    Precedence::of(&[Key::HttpRequestResendCount, Key::HttpResendCount]);
/// The other side's address: names before what they resolve to, logical before physical.
pub(super) const ADDRESS: Precedence = Precedence::of(&[
    Key::ServerAddress,
    Key::NetPeerName,
    Key::HttpHost,
    Key::UrlFull,
    Key::HttpUrl,
    Key::NetworkPeerAddress,
    Key::NetSockPeerName,
    Key::NetSockPeerAddr,
    Key::NetPeerIp,
]);

/// What a span may say of its sampling.
pub(super) const SAMPLING: Precedence =
    Precedence::of(&[Key::SampleRate, Key::SamplerType, Key::SamplerParam, Key::SamplingProbability]);

impl Key {
    /// Number of keys.
    pub const COUNT: usize = KEYS.len();

    /// The key's bit in a mask.
    #[inline(always)]
    pub const fn bit(self) -> u128 {
        1 << self as u8
    }

    /// The key that is spelled `name`.
    #[inline(always)]
    pub fn find(name: &[u8]) -> Option<Key> {
        if name.len() >= 64 || LENGTHS >> name.len() & 1 == 0 {
            return None;
        }
        let mut slot = spot(name);
        loop {
            let number = TABLE[slot];
            if number == FREE {
                return None;
            }
            if NAMES[number as usize].as_bytes() == name {
                return Some(KEYS[number as usize]);
            }
            slot = (slot + 1) % TABLE_SIZE;
        }
    }
}

const TABLE_SIZE: usize = 512;
const FREE: u8 = u8::MAX;

/// Bit n: some key has n bytes. Most of the other attributes end here.
const LENGTHS: u64 = {
    let mut lengths = 0;
    let mut index = 0;
    while index < NAMES.len() {
        assert!(NAMES[index].len() >= 7 && NAMES[index].len() < 64, "spot() reads seven bytes");
        lengths |= 1 << NAMES[index].len();
        index += 1;
    }
    lengths
};

/// Open addressing, filled by the compiler.
static TABLE: [u8; TABLE_SIZE] = {
    let mut table = [FREE; TABLE_SIZE];
    let mut index = 0;
    while index < NAMES.len() {
        let mut slot = spot(NAMES[index].as_bytes());
        while table[slot] != FREE {
            slot = (slot + 1) % TABLE_SIZE;
        }
        table[slot] = index as u8;
        index += 1;
    }
    table
};

/// Where to begin looking for `name`: from its length, its fourth byte, two of its middle and its last three.
#[inline(always)]
const fn spot(name: &[u8]) -> usize {
    let length = name.len();
    let middle = length / 2;
    let sample = u64::from_le_bytes([
        name[3],
        name[middle],
        name[middle + 1],
        name[length - 3],
        name[length - 2],
        name[length - 1],
        length as u8,
        0,
    ]);
    (sample.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 55) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_found_by_its_name_and_nothing_else_is() {
        for (name, key) in NAMES.iter().zip(KEYS) {
            assert_eq!(Key::find(name.as_bytes()), Some(*key));
            assert_eq!(Key::find(&name.as_bytes()[1..]), None, "{name} without its first byte");
            let mut other = name.as_bytes().to_vec();
            for index in 0..other.len() {
                other[index] ^= 1;
                assert_eq!(Key::find(&other), None, "{name} with another byte {index}");
                other[index] ^= 1;
            }
        }
        for name in ["", "a", "db.user", "http.status_code", "service.names", &"x".repeat(300)] {
            assert_eq!(Key::find(name.as_bytes()), None);
        }
    }

    #[test]
    fn probing_stays_short() {
        let away = |name: &&str| {
            let own = TABLE.iter().position(|number| NAMES.get(*number as usize) == Some(name)).unwrap();
            (own + TABLE_SIZE - spot(name.as_bytes())) % TABLE_SIZE
        };
        assert!(NAMES.iter().map(away).max().unwrap() <= 3);
    }
}
