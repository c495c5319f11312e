package peer

import (
	"crypto/hmac"
	"crypto/sha256"
)

// MinSecret is the least length of a secret, in bytes (B2, N28).
const MinSecret = 32

// sign gives the signature of an envelope: it covers every field as it is sent (B4).
func (v *values) sign(secret []byte) digest {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(version + "\n"))
	for i, name := range fields {
		mac.Write([]byte(name + ":" + v[i] + "\n"))
	}
	return digest(mac.Sum(nil))
}

// signedBy says whether one of secrets made the signature. It compares in constant time.
func (v *values) signedBy(secrets [][]byte, signature digest) bool {
	for _, secret := range secrets {
		want := v.sign(secret)
		if hmac.Equal(want[:], signature[:]) {
			return true
		}
	}
	return false
}
