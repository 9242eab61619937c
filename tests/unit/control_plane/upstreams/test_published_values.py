"""What looks like a secret in an application file's values is told with its place, without itself; harmless names are not."""

import pytest

from control_plane.upstreams.published_values import published_secrets

HEAD = (
    "apiVersion: tidegate.dev/v1\nkind: Application\nmetadata: {name: shop}\nspec:\n  chart: {oci: ghcr.io/acme/shop}\n"
)


def told(values: str) -> list[str]:
    return [one.place.field for one in published_secrets(f"{HEAD}  values: {values}\n", file="shop.yaml")]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ("{adminPassword: hunter2}", "spec.values.adminPassword"),
        ("{auth: {password: hunter2}}", "spec.values.auth.password"),
        ("{oauth: {clientSecret: hunter2}}", "spec.values.oauth.clientSecret"),
        ("{users: [{name: ben, apiToken: hunter2}]}", "spec.values.users[0].apiToken"),
        ("{env: [{name: DB_PASSWORD, value: hunter2}]}", "spec.values.env[0].value"),
        ("{databaseUrl: 'postgres://shop:hunter2@db/shop'}", "spec.values.databaseUrl"),
        ("{config: 'smtp_password = hunter2'}", "spec.values.config"),
    ],
)
def test_secrets_are_told_by_their_place(values: str, field: str) -> None:
    assert told(values) == [field]


@pytest.mark.parametrize(
    "values",
    [
        "{}",
        "{adminPassword: ''}",
        "{adminPassword: null}",
        "{auth: {existingSecret: shop, existingSecretPasswordKey: password, secretName: shop}}",
        "{ingress: {tls: [{secretName: shop-tls}], tlsSecret: shop-tls}, imagePullSecrets: [{name: regcred}]}",
        "{imagePullSecret: regcred, passwordKey: password, passwordSecret: shop}",
        "{createSecret: true, secret: {create: false}, token: 'false', tokenExpirationSeconds: 3600}",
        "{env: [{name: DB_PASSWORD, valueFrom: {secretKeyRef: {name: shop, key: password}}}]}",
        "{password: '$(DB_PASSWORD)', token: '{{ .Values.global.token }}', url: 'https://shop.example.org/token'}",
        "{persistence: {size: 1Gi}, image: {tag: '2.2'}, replicas: 2, passwordPolicy: strict}",
    ],
)
def test_harmless_values_are_not(values: str) -> None:
    assert told(values) == []


def test_the_place_is_that_in_the_file_and_the_secret_itself_is_never_told() -> None:
    (warning,) = published_secrets(f"{HEAD}  values:\n    admin:\n      password: hunter2\n", file="shop.yaml")
    assert (warning.place.file, warning.place.line, warning.place.column) == ("shop.yaml", 8, 17)
    assert "existingSecret" in warning.hint
    assert "hunter2" not in str(warning)


def test_a_file_without_values_has_none() -> None:
    assert published_secrets(HEAD, file="shop.yaml") == ()
