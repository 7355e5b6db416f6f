package dev.kintsugi.worker.data;

import dev.kintsugi.worker.failure.WorldException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;

/// Names an index file: SHA-256 over everything that its bytes depend on.
final class DatasetDigest {
    private static final String FORMAT = "samples 2";
    private static final int CHUNK_BYTES = 1 << 20;

    private DatasetDigest() {
    }

    static String of(String textField, SampleRules rules, DatasetFiles files, Tokenizer tokenizer) {
        MessageDigest digest = TokenFile.newSha256();
        add(digest, FORMAT);
        add(digest, "field=%s %s".formatted(textField, rules.digested()));
        add(digest, "eos=%s".formatted(tokenizer.eosId()));
        add(digest, hash(tokenizer.file()));
        for (String name : files.names()) {
            add(digest, name);
            add(digest, hash(files.path(name)));
        }
        return HexFormat.of().formatHex(digest.digest(), 0, 16);
    }

    /// With a zero byte at the end, so that two lists of texts that differ never feed the digest the same bytes.
    private static void add(MessageDigest digest, String text) {
        digest.update(text.getBytes(StandardCharsets.UTF_8));
        digest.update((byte) 0);
    }

    private static String hash(Path file) {
        MessageDigest digest = TokenFile.newSha256();
        byte[] chunk = new byte[CHUNK_BYTES];
        try (InputStream in = Files.newInputStream(file)) {
            for (int n = in.read(chunk); n >= 0; n = in.read(chunk)) { digest.update(chunk, 0, n); }
        } catch (IOException e) {
            throw new WorldException("storage", "dataset file %s: cannot be read: %s".formatted(file, e.getMessage()), e);
        }
        return HexFormat.of().formatHex(digest.digest());
    }
}
