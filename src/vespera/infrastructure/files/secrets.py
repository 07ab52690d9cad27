"""Usual names of files that hold secrets."""

from typing import Final

SECRETS: Final = (
    *(".env", ".env.*", "*.env", "!.env.example", "!.env.sample", "!.env.template"),
    *("*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx", "*.ppk", "*.asc"),
    *("id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", "!*.pub", ".ssh/", ".gnupg/"),
    *(".netrc", ".npmrc", ".pypirc", ".pgpass", ".my.cnf", ".htpasswd", ".git-credentials"),
    *(".aws/", ".azure/", ".kube/", ".docker/config.json", "*.tfstate", "*.tfstate.*"),
    *("credentials*", "secrets.*", "*.secret", "*.secrets", "service-account*.json"),
)
"""Patterns in the syntax of ``.gitignore``: of such files no more than a digest is kept, unless
somebody says otherwise.
"""
