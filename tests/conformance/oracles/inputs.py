"""Inputs for the oracles: what people write, what programs write, and what nobody should. Each is drawn from a given dice."""

import random
from collections.abc import Callable, Iterator
from typing import Any

Question = tuple[str, dict[str, Any]]  # operation, input
Draw = Callable[[random.Random], Iterator[Question]]

NUMBERS = (*"0123", "10", "11", "00", "007", "18446744073709551615", "18446744073709551616", "9" * 23)
USUAL = (*"0123", "10", "11")
WILD = ("x", "X", "*", "x1", "1|", "|")
IDENTIFIERS = (*"012-xX", "10", "01", "00", "alpha", "beta", "rc", "a-b", "--", "-1", "9" * 20, "007a", "é", "*", "")
OPERATORS = ("", "", "=", "!=", ">", "<", ">=", "=>", "<=", "=<", "~", "~>", "^", "==", "><", "!")
HOSTILE = "0123456789.vVxX*-+~^<>=!|, abRC_:/@%$()[]{}?\\\t\n٣²é\x00"
SHA256 = f"sha256:{'f0' * 32}"
DOMAINS = (
    "", "docker.io", "index.docker.io", "localhost", "localhost:5000", "example.com", "EXAMPLE.com", "Foo", "foo", "192.168.1.1",
    "192.168.1.1:5000", "[::1]", "[::1]:5000", "[fe80::1%eth0]", "a-b.c", "-a.c", "test_com", "xn--n3h.com", "a.b:", "a.b:http",
    "a..b", "ÄÖ.com", "LOCALHOST", "foo:5000",
)  # fmt: skip
COMPONENTS = (
    "a", "library", "foo", "foo_bar", "foo__bar", "foo___bar", "foo.bar", "foo..bar", "foo--bar", "Foo",
    "-foo", "foo-", "1", "", "a b", "é",
)  # fmt: skip
TAGS = ("latest", "v1", "V1.0", "_x", "-x", ".x", "a+b", "1.0+001", "a" * 128, "a" * 129, "é", "", " ", "1.0-rc.1_2")
DIGESTS = (SHA256, SHA256[:-1], SHA256 + "0", SHA256.upper(), "sha256:", "md5:" + "a" * 32, "sha256:" + "g" * 64, "")
REGISTRIES = (
    "", "docker.io", "index.docker.io", "gcr.io", "gcr.io:9001", "localhost", "localhost:9090", "foo.localhost:1234", "127.0.0.1",
    "127.0.0.2", "10.2.3.4:5000", "172.15.0.1", "172.31.255.255", "192.168.0.1", "10.256.0.0", "010.0.0.1", "::1", "[::1]:5000",
    "[::ffff:10.0.0.1]", "[2001:db8::1]:5000", "gcr?com", "white space", "user@host", "a%20b", "é.com", "host:port", "host:80:90", "[::1",
    "a\\b", "a^b", "a<b", "a_b", "[x]", ":5000", "127.0.0.1.evil.com", "\x7f",
)  # fmt: skip
ATOMS = (
    "a", "b", r"\d", r"\w", r"\s", r"\D", ".", "[a-z]", "[^a-z]", "[[:alpha:]]", r"\pL", r"\b", r"\A", r"\z", r"\Z", "^", "$", "(?i:k)",
    "(?m)^", r"\x41", r"\Qa.b\E", r"\C", r"\1", "(?=a)", "(?!a)", "(?<=a)", "(?P<n>x)?", "(?<n>b)", "(?'n'a)", "[]a]", "[z-a]", r"\.",
    r"\e", r"\_", "{", "]", "(", ")", "|", "*", "{2}", "{,2}", "{1001}", "**", r"\X", "(?x) a", r"\h", "[[:foo:]]",
)  # fmt: skip
TEMPLATES = (
    "", "$0", "$1", "$2", "$n", "${n}", "$nx", "${n}x", "$1x", "${1}x", "$$", "$", "${", "${}", "$$1", "x$1y", "$tag.$n",
    "$01", "$１", "$10",
)  # fmt: skip
SEEN = (
    "", "a", "v1.2.3", "1.2.3-alpine", "build-2a3560ef-1694132169", "rel-1", "a/b", "A", "K", "x.y_z-1", "a.b", "aa", "[a]",
    "*", "-", "a\\b",
)  # fmt: skip
FILE_PATTERNS = (
    "*", "?", "a", "b", "-", "[a-c]", "[^a]", "[!a]", "[]", "[]a]", "[a", "[a-]", "[-a]", "[z-a]", "\\*", "\\", "[\\]]", "[^]",
    "[a\\-c]", "/",
    "**", "1", "[[]", "{a,b}",
)  # fmt: skip
HOSTS = (
    "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "10.0.0.1", "172.32.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0",
    "8.8.8.8", "134744072", "[::]", "[::1]", "[::ffff:127.0.0.1]", "[fe80::1]", "[fd00:ec2::254]", "example.com", "127.0.0.1.evil.com",
)  # fmt: skip


def spoilt(dice: random.Random, text: str) -> str:
    """Return ``text`` with a character put in, taken out or changed."""
    place = dice.randrange(len(text) + 1)
    return text[:place] + dice.choice(["", dice.choice(HOSTILE)]) + text[place + dice.choice([0, 1]) :]


def maybe_spoilt(dice: random.Random, text: str, share: float = 0.25) -> str:
    return spoilt(dice, text) if dice.random() < share else text


def version(dice: random.Random, *, wild: bool = False) -> str:
    numbers = dice.choice([USUAL, USUAL, NUMBERS, (*USUAL, *WILD) if wild else USUAL])
    text = dice.choice(["", "", "", "v"]) + ".".join(dice.choices(numbers, k=dice.choice([1, 2, 3, 3, 3, 3, 4])))
    if dice.random() < 0.4:
        text += "-" + ".".join(dice.choices(IDENTIFIERS, k=dice.choice([1, 1, 2, 3])))
    if dice.random() < 0.2:
        text += "+" + ".".join(dice.choices(IDENTIFIERS, k=dice.choice([1, 2])))
    return text


def constraint(dice: random.Random) -> str:
    def part() -> str:
        if dice.random() < 0.15:
            return version(dice, wild=True) + dice.choice([" - ", " - ", "-", " -", "  -  "]) + version(dice, wild=True)
        comparators = [
            dice.choice(OPERATORS) + dice.choice(["", "", " "]) + version(dice, wild=True)
            for _ in range(dice.choice([1, 1, 2, 3]))
        ]
        return dice.choice([" ", ", ", ",", " , "]).join(comparators)

    return dice.choice([" || ", "||", " | "]).join(part() for _ in range(dice.choice([1, 1, 1, 2, 3])))


def semver(dice: random.Random) -> Iterator[Question]:
    wanted, a, b = constraint(dice), version(dice), version(dice)
    near = wanted.strip("<>=!~^ ").partition(" ")[0] + dice.choice(["", "-0", ".1"])
    yield (
        "constraint_check",
        {"constraint": wanted, "version": dice.choice([a, near]), "include_prerelease": dice.random() < 0.3},
    )
    yield (
        "constraint_parse",
        {"constraint": maybe_spoilt(dice, dice.choice([wanted, "||".join("1" * dice.choice([31, 32, 33]))]))},
    )
    yield "version_parse", {"version": maybe_spoilt(dice, a), "mode": dice.choice(["strict", "coerce"])}
    yield "version_normalize", {"version": a}
    yield "version_compare", {"a": a, "b": b}
    yield "version_greater_than", {"a": b, "b": a}
    if "18446744073709551615" not in a:  # one more is none to the original: it panics
        yield "version_increment", {"version": a, "part": dice.choice(["major", "minor", "patch"])}
    yield "version_sort_asc", {"versions": [version(dice) for _ in range(dice.choice([2, 3, 5]))]}


def path(dice: random.Random) -> str:
    usual = COMPONENTS[: dice.choice([7, 7, len(COMPONENTS)])]
    return "/".join(dice.choices(usual, k=dice.choice([1, 1, 2, 3])))


def reference(dice: random.Random, domains: tuple[str, ...] = DOMAINS) -> str:
    domain, tag, digest = dice.choice(domains), dice.choice(TAGS), dice.choice(DIGESTS)
    text = (f"{domain}/" if domain else "") + path(dice)
    text += f":{tag}" if dice.random() < 0.5 else ""
    return maybe_spoilt(dice, text + (f"@{digest}" if dice.random() < 0.3 else ""))


def references(dice: random.Random) -> Iterator[Question]:
    for op in ("reference_parse", "reference_parse_canonical_only", "reference_any_normalize", "reference_docker_ref"):
        yield op, {"reference": reference(dice)}
    for op in ("name_valid", "normalized_name_valid", "reference_normalize"):
        yield op, {"name": reference(dice)}
    yield "reference_split_domain", {"name": reference(dice), "normalize": dice.random() < 0.5}
    name = dice.choice(["foo", "test.com/foo", "test.com:8000/foo", reference(dice)])
    yield "reference_format", {"name": name, "tag": dice.choice(TAGS), "digest": dice.choice(DIGESTS)}
    yield "domain_valid", {"domain": maybe_spoilt(dice, dice.choice(DOMAINS))}
    yield "identifier_valid", {"identifier": maybe_spoilt(dice, "ab" * 32, 0.5)}


def names(dice: random.Random) -> Iterator[Question]:
    base = "/".join(part for part in (dice.choice(REGISTRIES), path(dice)) if part)
    texts = {
        "registry": dice.choice(REGISTRIES),
        "repository": base,
        "tag": f"{base}:{dice.choice(TAGS)}",
        "digest": f"{base}{dice.choice(['', ':v1', ':'])}@{dice.choice(DIGESTS)}",
    }
    for kind, text in texts.items():
        yield "name_parse", {"kind": kind, "text": maybe_spoilt(dice, text), "mode": dice.choice(["strict", "weak"])}
    yield "registry_default_scheme", {"registry": maybe_spoilt(dice, dice.choice(REGISTRIES))}
    yield "registry_is_private_ip", {"registry": maybe_spoilt(dice, dice.choice(REGISTRIES))}


def artifacts(dice: random.Random) -> Iterator[Question]:
    yield (
        "oci_reference_parse",
        {"reference": dice.choice(["", "", "", "oci://", "http://"]) + reference(dice, REGISTRIES)},
    )
    yield "registry_api_host", {"registry": dice.choice(REGISTRIES)}


def charts(dice: random.Random) -> Iterator[Question]:
    versions = [
        dice.choice([version(dice), version(dice), "latest", "1.0.0_b"]) for _ in range(dice.choice([0, 1, 3, 5]))
    ]
    wanted = dice.choice([constraint(dice), constraint(dice), version(dice), "", *versions])
    yield "constraint_check", {"constraint": constraint(dice), "version": version(dice), "include_prerelease": False}
    yield "is_version_range", {"text": dice.choice([constraint(dice), maybe_spoilt(dice, version(dice, wild=True))])}
    yield "oci_tag_select", {"tags": versions, "version": wanted}
    yield "index_first", {"versions": versions}
    yield "index_get", {"versions": versions, "version": wanted}
    text = dice.choice(["", "oci://", "oci://"]) + reference(dice, REGISTRIES)
    if text.count("@") < 2:  # of two digests Helm leaves one unread; we refuse them
        yield "chart_reference_parse", {"reference": text}


def expression(dice: random.Random) -> str:
    pieces = [
        dice.choice(["{}", "{}", "({})", "(?P<n>{})", "{}+", "{}?"]).format(dice.choice(ATOMS))
        for _ in range(dice.choice([1, 1, 2, 3]))
    ]
    return dice.choice(["{}", "{}", "^{}$"]).format("".join(pieces))


def filters(dice: random.Random) -> Iterator[Question]:
    tags = dice.sample(SEEN, 4)
    yield "tag_filter", {"pattern": expression(dice), "extract": dice.choice(TEMPLATES), "tags": tags}


def ignored(dice: random.Random) -> Iterator[Question]:
    pattern = "".join(dice.choices(FILE_PATTERNS, k=dice.choice([1, 2, 3])))
    yield (
        "tag_ignored",
        {"ignore": [pattern], "tag": maybe_spoilt(dice, dice.choice(SEEN)).encode("ascii", "ignore").decode()},
    )
    yield "allow_tags_match", {"allow_tags": f"regexp:{expression(dice)}", "tag": dice.choice(SEEN)}


def matched(dice: random.Random) -> Iterator[Question]:
    glob = "".join(dice.choices(["*", "*", *"ab-.1?[]\\/^$+("], k=dice.choice([0, 1, 2, 3, 5])))
    yield "pattern_match", {"pattern": dice.choice(["", "glob:"]) + glob, "tag": dice.choice(SEEN)}
    yield "pattern_match", {"pattern": f"regexp:{expression(dice)}", "tag": dice.choice(SEEN)}


def registry_api(dice: random.Random) -> Iterator[Question]:
    """What our client and the peers' mean to agree on. Where ours is stricter (an internal name, a user in a URL) none is drawn."""
    host = dice.choice(HOSTS) + dice.choice(["", ":443", ":5000"])
    url = f"{dice.choice(['https', 'https', 'http', 'ftp'])}://{host}{dice.choice(['/token', '', '/a?b=c'])}"
    insecure = dice.random() < 0.5
    own = dice.choice(["", "registry.example.com", host])
    yield "token_realm_allowed", {"realm": url, "registry_host": own, "insecure": insecure}
    yield "foreign_url_allowed", {"url": url, "insecure": insecure}
    yield "link_next", {"request_url": "https://example.com/v2/a/tags/list", "link_header": link(dice)}
    parameters = dice.choice([", ", ",", " , "]).join(parameter(dice) for _ in range(dice.choice([0, 1, 2, 3])))
    yield (
        "www_authenticate_parse",
        {"header": f"{dice.choice(['Bearer', 'bearer', 'Basic', 'Digest', ''])} {parameters}".strip()},
    )
    resources = ("repository:foo:", "repository:a/b:", "registry:catalog:", "repository:h:5000/a:")
    scopes = [
        dice.choice(resources) + ",".join(dice.choices(["pull", "push", "*", ""], k=dice.choice([0, 1, 2])))
        for _ in range(dice.choice([0, 1, 2, 3]))
    ]
    yield "scopes_clean", {"scopes": scopes}
    actions = dice.choices(["pull", "push", "delete", "*", ""], k=dice.choice([0, 1, 2, 3]))
    yield "scope_for_repository", {"repository": dice.choice(["foo", "a/b", ""]), "actions": actions}
    yield "platform_matches", {"given": platform(dice), "required": platform(dice)}
    codes = dice.choices(["UNKNOWN", "UNAVAILABLE", "DENIED", "TOOMANYREQUESTS"], k=dice.choice([0, 1, 2]))
    yield "error_is_temporary", {"errors": codes, "status": dice.choice([0, 200, 404, 408, 429, 500, 501, 503])}


def link(dice: random.Random) -> str:
    addresses = (
        "/v2/a/tags/list?n=1&last=b", "?last=b", "list?last=x%2Fy", "https://example.com/x", "https://EXAMPLE.com/x", "https://example.com:443/x",
        "http://example.com/x", "https://example.com:444/x", "//example.com/x", "//evil/x", "https://example.com.evil/x", "../../x", "/%zz",
        "https://[", "mailto:a",
    )  # fmt: skip
    return dice.choice(["<{}>", "<{}>", "<{}", "{}>"]).format(dice.choice(addresses)) + dice.choice(
        ["", '; rel="next"', ";rel=next"]
    )


def parameter(dice: random.Random) -> str:
    values = ('"https://a/t"', '"x"', '""', "bare", '"un', '"a\\"b"', '"a,b"', '"a b"', "", ' "s"')
    name = dice.choice(["realm", "service", "scope", "a-b", "error", ""])
    return name + dice.choice(["=", "=", " = ", ""]) + dice.choice(values)


def platform(dice: random.Random) -> dict[str, Any]:
    found: dict[str, Any] = {
        "os": dice.choice(["linux", "linux", "windows"]),
        "architecture": dice.choice(["amd64", "arm64"]),
    }
    if dice.random() < 0.5:
        found["variant"] = dice.choice(["v8", ""])
    if dice.random() < 0.3:
        found["os.version"] = dice.choice(["10.0.1", ""])
    if dice.random() < 0.3:
        found["os.features"] = dice.sample(["win32k", "f1"], dice.choice([0, 1, 2]))
    return found
