use std::{
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
    time::Duration,
};

use rsipstack::sip::Host;
use serde::Deserialize;
use voiceagent_core::{Error, Result, duration};

use super::{
    Network, SipAccount, SipSrtp, SipTls, SipTransport, SipTrunk, digest::Credentials,
    transport::is_secure,
};
use crate::{control::Directory, rtp::RtpCodec};

/// How calls over SIP are taken.
///
/// ```
/// use voiceagent_telephony::sip::SipConfig;
///
/// let config: SipConfig = serde_json::from_str(
///     r#"{ "listen": "0.0.0.0:5060", "public_ip": "203.0.113.5", "peers": ["192.0.2.0/24"] }"#,
/// )?;
/// assert_eq!(config.peers.len(), 1);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct SipConfig {
    /// Where signalling is listened for, over UDP.
    pub listen: SocketAddr,
    /// Where it is listened for over TCP, usually at the same port. Nowhere if not set.
    #[serde(default)]
    pub listen_tcp: Option<SocketAddr>,
    /// TLS: where it is listened for, and by which certificates. Not used if not set.
    #[serde(default)]
    pub tls: Option<SipTls>,
    /// The address that others reach this host by, if it is behind a translator of addresses. If
    /// not set, it is the one that is listened at, by whatever a peer talks to us, or the one that the
    /// way to each peer begins with. Media comes to that of `listen`.
    #[serde(default)]
    pub public_ip: Option<IpAddr>,
    /// Who may call: the hosts and networks of the trunk or the PBX. What comes from elsewhere is
    /// not answered at all. Nobody if not set.
    #[serde(default)]
    pub peers: Vec<Network>,
    /// Where it is told that we can be called here. Without any, the peers know it (a trunk, a
    /// dispatcher).
    #[serde(default)]
    pub accounts: Vec<SipAccount>,
    /// By whom calls to phone numbers are made. Its hosts belong into `peers`, too, where it is
    /// reached by UDP. Only SIP addresses can be called if not set.
    #[serde(default)]
    pub trunk: Option<SipTrunk>,
    /// The codecs that are taken, the best liked first; G.722, A-law, mu-law if not set.
    #[serde(default = "codecs")]
    pub codecs: Vec<RtpCodec>,
    /// Whether media must be protected; it is where that is offered if not set.
    #[serde(default)]
    pub srtp: SipSrtp,
    /// The first and the last port for media; 10000 to 20000 if not set. A call takes two, and they
    /// rest for half a minute after it: as many as [`max_calls`](Self::max_calls) take are needed, and
    /// more where calls are short.
    #[serde(default = "media_ports")]
    pub media_ports: (u16, u16),
    /// Calls at the same time; 100 if not set. The next is told to try again in some seconds.
    #[serde(default = "max_calls")]
    pub max_calls: usize,
    /// New calls a second, 50 if not set. The next are refused (503), and forgotten at once.
    #[serde(default = "calls_per_second")]
    pub calls_per_second: u32,
    /// What a caller hears when there is no room: that we are busy, or else that the service is not
    /// available for now, upon which many trunks try their next host.
    #[serde(default)]
    pub is_busy_when_full: bool,
    /// A call from which nothing comes for this long is over, unless it is on hold; 30 s if not set.
    #[serde(default = "media_timeout", with = "duration")]
    pub media_timeout: Duration,
    /// Whom calls may be handed to and made to, and our number.
    #[serde(default)]
    pub directory: Directory,
}

fn codecs() -> Vec<RtpCodec> {
    vec![RtpCodec::G722, RtpCodec::Pcma, RtpCodec::Pcmu]
}

const fn media_ports() -> (u16, u16) {
    (10_000, 20_000)
}

const fn max_calls() -> usize {
    100
}

const fn calls_per_second() -> u32 {
    50
}

const fn media_timeout() -> Duration {
    Duration::from_secs(30)
}

impl SipConfig {
    /// The defaults, with these callers.
    #[must_use]
    pub fn new(listen: SocketAddr, peers: Vec<Network>) -> Self {
        Self {
            listen,
            listen_tcp: None,
            tls: None,
            public_ip: None,
            peers,
            accounts: Vec::new(),
            trunk: None,
            codecs: codecs(),
            srtp: SipSrtp::Accepted,
            media_ports: media_ports(),
            max_calls: max_calls(),
            calls_per_second: calls_per_second(),
            is_busy_when_full: false,
            media_timeout: media_timeout(),
            directory: Directory::default(),
        }
    }

    /// Checks what types cannot. [`SipServer::bind`](super::SipServer::bind) does so first.
    ///
    /// # Errors
    ///
    /// [`Config`](voiceagent_core::ErrorKind::Config), with the field.
    pub fn check(&self) -> Result<()> {
        let wrong = |message| Err(Error::config(message));
        if self.codecs.is_empty() {
            return wrong("codecs: at least one is needed");
        }
        if self.media_ports.0 < 1_024 || self.ports().count() == 0 {
            return wrong("media_ports: the first must be below the last, and both above 1023");
        }
        if self.ports().count() < self.max_calls {
            return wrong("media_ports: each of max_calls takes two");
        }
        for account in &self.accounts {
            if account.transport == SipTransport::Tls && self.tls.is_none() {
                return wrong("tls: an account uses it");
            }
            account.check()?;
        }
        if let Some(trunk) = &self.trunk {
            trunk.check()?;
            if self.tls.is_none() && is_secure(&trunk.uri()?) {
                return wrong("tls: the trunk uses it");
            }
        }
        if self.calls_per_second == 0 {
            return wrong("calls_per_second: at least one is needed");
        }
        Ok(())
    }

    /// The even ports of which the next is free for reports, too (RFC 3550, section 11).
    pub(super) fn ports(&self) -> impl DoubleEndedIterator<Item = u16> + Clone + use<> {
        let (first, last) = self.media_ports;
        let ports: RangeInclusive<u16> = first..=last.saturating_sub(1);
        ports.filter(|port| port.is_multiple_of(2))
    }

    /// With what it is proven who we are to a host that has called us: the account that we have
    /// there, else what the trunk knows us by.
    pub(super) fn credentials_for(&self, host: IpAddr) -> Option<Credentials> {
        let there = self.accounts.iter().find(|account| account.registrar.ip() == host);
        let account = there.map(SipAccount::credentials);
        account.or_else(|| self.trunk.as_ref().and_then(SipTrunk::credentials))
    }

    /// Our account at a host that is called by an address: that of the domain, else of the same port,
    /// else any there.
    pub(super) fn account_at(&self, host: SocketAddr, domain: &Host) -> Option<&SipAccount> {
        let domain = domain.to_string();
        let there = self.accounts.iter().filter(|account| account.registrar.ip() == host.ip());
        let is_domain = |account: &SipAccount| {
            account.domain.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(&domain))
        };
        there.min_by_key(|account| (!is_domain(account), account.registrar.port() != host.port()))
    }

    pub(super) fn may_call(&self, host: IpAddr) -> bool {
        let is_registrar = |account: &SipAccount| account.registrar.ip() == host;
        self.peers.iter().any(|network| network.contains(host))
            || self.accounts.iter().any(is_registrar)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_may_call_unless_it_is_said() {
        let config: SipConfig = serde_json::from_str(r#"{"listen":"127.0.0.1:0"}"#).unwrap();
        assert!(!config.may_call([127, 0, 0, 1].into()));
        config.check().unwrap();
        assert!(config.ports().all(|port| port % 2 == 0));
        assert_eq!(config.ports().next_back(), Some(19_998));
    }

    #[test]
    fn a_host_of_an_account_is_told_the_login_of_it_and_others_that_of_the_trunk() {
        let mut config: SipConfig = serde_json::from_str(
            r#"{"listen":"127.0.0.1:0",
                "trunk":{"address":"sip:t.example.com","user":"+1","login":"ours","password":"a"},
                "accounts":[{"registrar":"192.0.2.10:5060","user":"there","password":"b"}]}"#,
        )
        .unwrap();
        let login = |config: &SipConfig, host: [u8; 4]| {
            config.credentials_for(host.into()).map(|credentials| credentials.login)
        };
        assert_eq!(login(&config, [192, 0, 2, 10]).as_deref(), Some("there"));
        assert_eq!(login(&config, [192, 0, 2, 11]).as_deref(), Some("ours"));
        config.trunk = None;
        assert_eq!(login(&config, [192, 0, 2, 11]), None);
    }

    #[test]
    fn whom_an_address_names_is_called_by_the_account_of_its_domain_or_else_of_its_host() {
        let config: SipConfig = serde_json::from_str(
            r#"{"listen":"127.0.0.1:0","accounts":[
                {"registrar":"192.0.2.10:5060","user":"first","domain":"a.example"},
                {"registrar":"192.0.2.10:5070","user":"other","domain":"b.example"}]}"#,
        )
        .unwrap();
        for (host, domain, user) in [
            ("192.0.2.10:5060", "192.0.2.10", Some("first")),
            ("192.0.2.10:5070", "192.0.2.10", Some("other")),
            ("192.0.2.10:5060", "B.example", Some("other")),
            ("192.0.2.10:5080", "c.example", Some("first")),
            ("192.0.2.11:5060", "a.example", None),
        ] {
            let found = config.account_at(host.parse().unwrap(), &Host::Domain(domain.into()));
            assert_eq!(found.map(|account| account.user.as_str()), user, "{host} {domain}");
        }
    }

    #[test]
    fn settings_that_cannot_work_are_told_by_their_name() {
        for (text, field) in [
            (r#"{"listen":"127.0.0.1:0","codecs":[]}"#, "codecs"),
            (r#"{"listen":"127.0.0.1:0","media_ports":[5000,5000]}"#, "media_ports"),
            (r#"{"listen":"127.0.0.1:0","media_ports":[80,20000]}"#, "media_ports"),
            (r#"{"listen":"127.0.0.1:0","media_ports":[5000,5198]}"#, "media_ports"),
            (r#"{"listen":"127.0.0.1:0","calls_per_second":0}"#, "calls_per_second"),
            (r#"{"listen":"127.0.0.1:0","trunk":{"address":"sip:h;transport=tls"}}"#, "tls"),
            (r#"{"listen":"127.0.0.1:0","trunk":{"address":"sips:h"}}"#, "tls"),
        ] {
            let config: SipConfig = serde_json::from_str(text).unwrap();
            assert!(config.check().unwrap_err().message().starts_with(field));
        }
        let enough = r#"{"listen":"127.0.0.1:0","media_ports":[5000,5199]}"#;
        serde_json::from_str::<SipConfig>(enough).unwrap().check().unwrap();
        let by_tls = r#"{"listen":"127.0.0.1:0","tls":{},"trunk":{"address":"sips:h"}}"#;
        serde_json::from_str::<SipConfig>(by_tls).unwrap().check().unwrap();
    }
}
