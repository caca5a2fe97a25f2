//! Where signed requests may go. Each row that is refused is a way to have somebody else read a session token.

use firehose_operator::plan::{Allowed, AllowedEndpoints, validate};
use firehose_operator_api::{FirehoseDestination, Reason};
use serde_json::json;

use crate::destination;

/// A destination whose address of `service` is `url`. Past the schema's own pattern, which is not what is relied upon.
fn at(region: &str, service: &str, url: &str) -> FirehoseDestination {
    let address = json!({"type": "Custom", "custom": {"url": "https://replaced.example"}});
    let role = json!([{"roleARN": "arn:aws:iam::123456789012:role/events"}]);
    let mut destination = destination(&json!({
        "region": region,
        "endpoints": {service: address},
        "credentials": {"assumeRoles": role},
    }));
    let endpoints = &mut destination.spec.endpoints;
    let endpoint = match service {
        "sts" => endpoints.sts.as_mut().unwrap(),
        _ => &mut endpoints.firehose,
    };
    url.clone_into(&mut endpoint.custom.as_mut().unwrap().url);
    destination
}

fn refusal(region: &str, service: &str, url: &str) -> Option<(String, Reason)> {
    let refused = validate(&at(region, service, url), &Allowed::default()).err()?;
    assert_eq!(refused.len(), 1, "{refused:?}");
    Some((refused[0].field.clone(), refused[0].reason))
}

#[test]
fn both_services_of_the_region_are_allowed_in_every_form_that_aws_gives_them() {
    for (region, hosts) in [
        (
            "eu-west-1",
            &[
                "SERVICE.eu-west-1.amazonaws.com",
                "SERVICE-fips.eu-west-1.amazonaws.com",
                "SERVICE.eu-west-1.api.aws",
                "SERVICE-fips.eu-west-1.api.aws",
                "vpce-0a1b-2c3d.SERVICE.eu-west-1.vpce.amazonaws.com",
                "vpce-0a1b-2c3d-eu-west-1a.SERVICE.eu-west-1.vpce.amazonaws.com",
            ][..],
        ),
        (
            "cn-north-1",
            &[
                "SERVICE.cn-north-1.amazonaws.com.cn",
                "SERVICE.cn-north-1.api.amazonwebservices.com.cn",
                "vpce-0a1b-2c3d.SERVICE.cn-north-1.vpce.amazonaws.com.cn",
            ],
        ),
        ("us-gov-west-1", &["SERVICE.us-gov-west-1.amazonaws.com"]),
        ("us-iso-east-1", &["SERVICE.us-iso-east-1.c2s.ic.gov"]),
        ("us-isob-east-1", &["SERVICE.us-isob-east-1.sc2s.sgov.gov"]),
        ("eusc-de-east-1", &["SERVICE.eusc-de-east-1.amazonaws.eu"]),
    ] {
        for host in hosts {
            for service in ["firehose", "sts"] {
                let url = format!("https://{}", host.replace("SERVICE", service));
                assert_eq!(refusal(region, service, &url), None, "{url}");
                assert_eq!(refusal(region, service, &format!("{url}:443/")), None, "{url}");
            }
        }
    }
}

#[test]
fn every_other_address_is_refused_by_its_field() {
    let region = "eu-west-1";
    for service in ["firehose", "sts"] {
        let other = if service == "sts" { "firehose" } else { "sts" };
        for url in [
            // Anybody may have one of these.
            "https://a1b2c3.execute-api.eu-west-1.amazonaws.com",
            "https://ec2-203-0-113-25.eu-west-1.compute.amazonaws.com",
            "https://vpce-svc-0a1b.eu-west-1.vpce.amazonaws.com",
            "https://vpce-0a1b-2c3d.vpce-svc-0a1b.eu-west-1.vpce.amazonaws.com",
            "https://SERVICE.s3.eu-west-1.amazonaws.com",
            "https://SERVICE.s3-website.eu-west-1.amazonaws.com",
            "https://s3.eu-west-1.amazonaws.com/SERVICE",
            "https://SERVICE-1234.eu-west-1.elb.amazonaws.com",
            "https://a1b2c3.lambda-url.eu-west-1.on.aws",
            // A VPC endpoint of something else.
            "https://vpce-svc-0a1b.SERVICE.eu-west-1.vpce.amazonaws.com",
            "https://mine.SERVICE.eu-west-1.vpce.amazonaws.com",
            "https://a.vpce-0a1b.SERVICE.eu-west-1.vpce.amazonaws.com",
            "https://vpce-0a1b.execute-api.eu-west-1.vpce.amazonaws.com",
            "https://vpce-0a1b.OTHER.eu-west-1.vpce.amazonaws.com",
            // Hosts that only begin or end like the right one.
            "https://SERVICE.eu-west-1.amazonaws.com.evil.example",
            "https://SERVICE.eu-west-1.amazonaws.com.cn",
            "https://evil-SERVICE.eu-west-1.amazonaws.com",
            "https://evil.SERVICE.eu-west-1.amazonaws.com",
            "https://SERVICE.eu-west-1.evilamazonaws.com",
            "https://SERVICE.eu-west-1-amazonaws.com",
            "https://SERVICE-eu-west-1.amazonaws.com",
            "https://SERVICE.eu-west-1.api.aws.evil.example",
            "https://amazonaws.com",
            "https://SERVICE.amazonaws.com",
            "https://OTHER.eu-west-1.amazonaws.com",
            // Another region, another partition.
            "https://SERVICE.us-east-1.amazonaws.com",
            "https://SERVICE.us-east-1.api.aws",
            "https://SERVICE.eu-west-1.amazonaws.eu",
            "https://SERVICE.cn-north-1.amazonaws.com.cn",
            "https://vpce-0a1b.SERVICE.us-east-1.vpce.amazonaws.com",
            // What two readers of an address may read in two ways.
            "https://SERVICE.eu-west-1.amazonaws.com@evil.example",
            "https://SERVICE.eu-west-1.amazonaws.com:443@evil.example",
            "https://user:password@SERVICE.eu-west-1.amazonaws.com",
            "https://user@SERVICE.eu-west-1.amazonaws.com",
            "https://evil.example\\@SERVICE.eu-west-1.amazonaws.com",
            "https://evil.example#.SERVICE.eu-west-1.amazonaws.com",
            "https://evil.example?.SERVICE.eu-west-1.amazonaws.com",
            "https://EVIL.EXAMPLE/SERVICE.eu-west-1.amazonaws.com",
            "https://SERVICE.eu-west-1.amazonaws.com.",
            "https://SERVICE.eu-west-1.amazonaws.com%2eevil.example",
            "https://SERVICE.eu-west-1.amazonaws.com。evil.example",
            // Ports, and no TLS.
            "https://SERVICE.eu-west-1.amazonaws.com:8443",
            "https://SERVICE.eu-west-1.amazonaws.com:80",
            "http://SERVICE.eu-west-1.amazonaws.com",
            "http://SERVICE.eu-west-1.amazonaws.com:443",
            // Addresses of machines, pods and metadata.
            "https://127.0.0.1",
            "http://169.254.169.254",
            "https://169.254.170.23",
            "https://2852039166",
            "https://0xa9fea9fe",
            "https://0251.0376.0251.0376",
            "https://[::1]",
            "https://[fd00:ec2::254]",
            "https://[::ffff:169.254.169.254]",
            "https://[::ffff:a9fe:a9fe]",
            "http://localhost:8080",
            "http://collector.tenant.svc",
            "http://collector.tenant.svc.cluster.local:9000",
        ] {
            let url = url.replace("SERVICE", service).replace("OTHER", other);
            let field = format!("spec.endpoints.{service}.custom.url");
            assert_eq!(
                refusal(region, service, &url),
                Some((field, Reason::EndpointNotAllowed)),
                "{url}"
            );
        }
    }
}

/// Upper case is the same host; what the proxy gets is how it was understood.
#[test]
fn the_document_has_the_address_that_was_checked() {
    for (written, understood) in [
        (
            "HTTPS://Firehose.EU-West-1.AmazonAWS.com:443/",
            "https://firehose.eu-west-1.amazonaws.com",
        ),
        (
            "https:\\\\firehose.eu-west-1.amazonaws.com\\a\\..\\b",
            "https://firehose.eu-west-1.amazonaws.com/b",
        ),
    ] {
        let destination = at("eu-west-1", "firehose", written);
        let validated = validate(&destination, &Allowed::default()).unwrap();
        assert_eq!(validated.endpoint_url(), Some(understood));
    }
}

#[test]
fn a_refusal_says_what_to_do() {
    let destination = at("cn-north-1", "sts", "http://collector.tenant.svc:9000/x");
    let refused = validate(&destination, &Allowed::default()).unwrap_err();
    assert_eq!(
        refused[0].to_string(),
        "spec.endpoints.sts.custom.url: requests with credentials may not go to \"collector.tenant.svc\": name \
         sts.cn-north-1.amazonaws.com.cn or a VPC endpoint of it, by https and without a port, or have whoever installed \
         the operator allow the host with --allowed-endpoint"
    );
}

#[test]
fn what_the_installation_names_is_allowed_to_both_services_and_in_every_region() {
    let allowed = Allowed {
        endpoints: AllowedEndpoints::named(vec!["simulator.example:4573".parse().unwrap()]),
        ..Allowed::default()
    };
    for (region, service) in [("eu-west-1", "firehose"), ("cn-north-1", "sts")] {
        let named = at(region, service, "http://simulator.example:4573");
        assert!(validate(&named, &allowed).is_ok());
        let another_port = at(region, service, "http://simulator.example:4574");
        assert_eq!(
            validate(&another_port, &allowed).unwrap_err()[0].reason,
            Reason::EndpointNotAllowed
        );
    }
}
