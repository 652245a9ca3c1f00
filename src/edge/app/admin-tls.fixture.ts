/**
 * For tests only: a certificate of its own issuer for localhost and 127.0.0.1, valid until 2099, and its key.
 * Made with `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost
 * -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -days 26600`. It protects nothing.
 */
export const testCertificate = `-----BEGIN CERTIFICATE-----
MIIBmjCCAUGgAwIBAgIUYURdLv93tISUZ5hZJMyCuVhxPvYwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyNTEwMTY1MVoYDzIwOTkwOTIz
MTAxNjUxWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAQiq5AeUfIUHKf3UsAKdJoWBX6F791FCx7kpj+A+tX7+nvWFWTANzCi
B6jZ1hjSGxO/vOq/U4/PTDezZMbIzw2uo28wbTAdBgNVHQ4EFgQUOCYl35/nMbSc
0xOHcvJePBZ2ptAwHwYDVR0jBBgwFoAUOCYl35/nMbSc0xOHcvJePBZ2ptAwDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDRwAwRAIgbfpQB6zh93/F9alzSmNh73ZmDpI+J1YLz0YQAbsgLcsCIGuM
YCQgEZAQcmFql5FqnnOeHcgwYrNqN8kDAsm8U1oN
-----END CERTIFICATE-----
`;

export const testKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgu0KrwVzdQbEA+qAp
sn5EFa5qGgnOkhwQ5NwP6ZuDhuihRANCAAQiq5AeUfIUHKf3UsAKdJoWBX6F791F
Cx7kpj+A+tX7+nvWFWTANzCiB6jZ1hjSGxO/vOq/U4/PTDezZMbIzw2u
-----END PRIVATE KEY-----
`;
