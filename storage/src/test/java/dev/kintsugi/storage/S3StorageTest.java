package dev.kintsugi.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.services.s3.S3Client;

/// The same storage as a directory, with a real server behind it.
class S3StorageTest extends StorageContract {
    private static final int PART_BYTES = 5 << 20;      // S3 takes no smaller ones
    private static final int RANGE_BYTES = 2 << 20;
    private static final AtomicInteger ROOTS = new AtomicInteger();

    @TempDir
    private static Path directory;

    private static S3Server server;
    private static S3Client client;
    private static Storage storage;

    private final StoragePath root = StoragePath.of("s3://bucket/of a test/" + ROOTS.incrementAndGet());

    @BeforeAll
    static void start() throws Exception {
        server = new S3Server(directory);
        client = client(S3Server.SECRET_KEY);
        client.createBucket(b -> b.bucket("bucket"));
        storage = new S3Storage(client, PART_BYTES, RANGE_BYTES);
    }

    private static S3Client client(String secret) {
        return S3Clients.builder(Map.of("AWS_ENDPOINT_URL", server.endpoint().toString())).endpointOverride(server.endpoint())
                .credentialsProvider(StaticCredentialsProvider.create(AwsBasicCredentials.create(S3Server.ACCESS_KEY, secret))).build();
    }

    @AfterAll
    static void stop() throws Exception {
        storage.close();
        server.close();
    }

    @Override
    Storage storage() {
        return storage;
    }

    @Override
    StoragePath root() {
        return root;
    }

    @Override
    int seam() {
        return PART_BYTES;
    }

    @Test
    void shouldGiveUpTheUploadOfAFileThatIsNotCommitted() throws IOException {
        try (WritableFile out = storage().create(root().resolve("file"))) {
            out.write(ByteBuffer.allocate(PART_BYTES));
            assertThat(uploads()).isEqualTo(1);
        }
        assertThat(uploads()).isZero();
    }

    @Test
    void shouldGiveUpWhatAKilledProcessLeftUnfinished() throws IOException {
        WritableFile killed = storage().create(root().resolve("step/file"));
        killed.write(ByteBuffer.allocate(PART_BYTES));
        storage().deleteTree(root().resolve("st"));
        assertThat(uploads()).as("of another directory").isEqualTo(1);
        storage().deleteTree(root().resolve("step"));
        assertThat(uploads()).isZero();
        assertThatThrownBy(killed::commit).isInstanceOf(IOException.class);
        killed.close();
    }

    @Test
    void shouldGiveUpUploadsOfDirectoriesThatHaveNoFileYet() throws IOException {
        WritableFile killed = storage().create(root().resolve("step-00000010/model/file"));
        WritableFile other = storage().create(root().resolve("nested/step-00000010/file"));
        for (WritableFile f : List.of(killed, other)) { f.write(ByteBuffer.allocate(PART_BYTES)); }
        assertThat(storage().children(root())).isEmpty();
        storage().removeUnfinished(root().resolve("step-"));
        assertThat(uploads()).as("of another directory").isEqualTo(1);
        for (WritableFile f : List.of(killed, other)) { f.close(); }
        assertThat(uploads()).isZero();
    }

    private long uploads() {
        return client.listMultipartUploads(r -> r.bucket("bucket")).uploads().size();
    }

    @Test
    void shouldNotMixTwoFilesOfOneName() throws IOException {
        storage().replace(root().resolve("file"), new byte[10]);
        try (ReadableFile in = storage().open(root().resolve("file"))) {
            storage().replace(root().resolve("file"), new byte[] {1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
            assertThatThrownBy(() -> in.read(0, ByteBuffer.allocate(5))).isInstanceOf(IOException.class)
                    .hasMessageStartingWith(root().resolve("file") + ": S3 answered 412");
        }
    }

    @Test
    void shouldSayWhatIsWrongBetweenThisHostAndTheServer() {
        assertThatThrownBy(() -> storage().children(StoragePath.of("s3://none/x")))
                .hasMessage("s3://none/x: there is no such bucket; make it, or name another");
        try (var stranger = new S3Storage(client("wrong"), PART_BYTES, RANGE_BYTES)) {
            assertThatThrownBy(() -> stranger.children(root())).isInstanceOf(IOException.class).hasMessageStartingWith("permission denied: " + root())
                    .hasMessageContaining("check the AWS credentials of this host");
        }
    }
}
