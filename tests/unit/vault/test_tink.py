"""The `tink` package is the second reader: it opens what we seal, and we open what it seals."""

from __future__ import annotations

import io

import pytest
import tink
from tink import cleartext_keyset_handle, streaming_aead
from tink.proto import aes_gcm_hkdf_streaming_pb2, common_pb2, tink_pb2

from bercail.foundation import SeededRandomness
from bercail.vault import Binding, DataKey, open_bytes, seal_bytes
from bercail.vault.sealed_format import HEADER_SIZE

LENGTHS = [0, 1, 65479, 65480, 65481, 131_000, 131_001, 300_000]


@pytest.fixture(scope="module", autouse=True)
def _registered() -> None:
    streaming_aead.register()


def primitive(key: DataKey) -> streaming_aead.StreamingAead:
    """Tink's own AES-GCM-HKDF streaming with our data key and our parameters."""
    made = aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingKey(
        version=0,
        params=aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingParams(
            ciphertext_segment_size=65536, derived_key_size=32, hkdf_hash_type=common_pb2.SHA256
        ),
        key_value=key.secret.reveal(),
    )
    keyset = tink_pb2.Keyset(
        primary_key_id=1,
        key=[
            tink_pb2.Keyset.Key(
                key_data=tink_pb2.KeyData(
                    type_url="type.googleapis.com/google.crypto.tink.AesGcmHkdfStreamingKey",
                    value=made.SerializeToString(),
                    key_material_type=tink_pb2.KeyData.SYMMETRIC,
                ),
                status=tink_pb2.ENABLED,
                key_id=1,
                output_prefix_type=tink_pb2.RAW,
            )
        ],
    )
    handle = cleartext_keyset_handle.read(tink.BinaryKeysetReader(keyset.SerializeToString()))
    return handle.primitive(streaming_aead.StreamingAead)


class KeptOpen(io.BytesIO):
    """A buffer whose bytes outlive the stream that closes it."""

    def close(self) -> None:
        self.kept = self.getvalue()
        super().close()


@pytest.mark.parametrize("length", LENGTHS)
def test_tink_opens_what_we_seal(key: DataKey, binding: Binding, length: int) -> None:
    plain = bytes(i % 251 for i in range(length))
    sealed = seal_bytes(plain, key, binding, SeededRandomness(length))
    stream = io.BytesIO(sealed[HEADER_SIZE:])
    with primitive(key).new_decrypting_stream(stream, sealed[:HEADER_SIZE]) as opened:
        assert opened.read() == plain


@pytest.mark.parametrize("length", LENGTHS)
def test_we_open_what_tink_seals(key: DataKey, binding: Binding, length: int) -> None:
    plain = bytes(i % 251 for i in range(length))
    header = seal_bytes(b"", key, binding, SeededRandomness(1))[:HEADER_SIZE]
    sink = KeptOpen()
    with primitive(key).new_encrypting_stream(sink, header) as stream:
        stream.write(plain)
    assert open_bytes(header + sink.kept, lambda _: key, binding) == plain


def test_tink_refuses_another_header(key: DataKey, binding: Binding) -> None:
    sealed = seal_bytes(b"plain", key, binding, SeededRandomness(1))
    stream = io.BytesIO(sealed[HEADER_SIZE:])
    other = bytes([sealed[0] ^ 1]) + sealed[1:HEADER_SIZE]
    with (
        pytest.raises(tink.TinkError),
        primitive(key).new_decrypting_stream(stream, other) as opened,
    ):
        opened.read()
