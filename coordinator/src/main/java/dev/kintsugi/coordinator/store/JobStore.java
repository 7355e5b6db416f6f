package dev.kintsugi.coordinator.store;

import com.google.protobuf.InvalidProtocolBufferException;
import dev.kintsugi.coordinator.job.TrackedJob;
import dev.kintsugi.proto.v1.Job;
import dev.kintsugi.storage.StoragePath;
import java.nio.file.Path;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.List;
import java.util.Optional;
import org.flywaydb.core.Flyway;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.sqlite.SQLiteConfig;
import org.sqlite.SQLiteDataSource;

/// Jobs that outlive the process: one SQLite file, one connection, used by one thread at a time.
public final class JobStore implements AutoCloseable {
    private final Handle handle;

    private JobStore(Handle handle) {
        this.handle = handle;
    }

    /// Creates the file, or brings that of an earlier version up to date.
    public static JobStore open(Path file) {
        SQLiteDataSource source = source(file);
        Flyway.configure(JobStore.class.getClassLoader()).dataSource(source).locations("classpath:dev/kintsugi/coordinator/store")
                .validateMigrationNaming(true).load().migrate();
        return new JobStore(Jdbi.create(source).open());
    }

    private static SQLiteDataSource source(Path file) {
        var config = new SQLiteConfig();
        config.setJournalMode(SQLiteConfig.JournalMode.WAL);
        // With WAL the file survives any crash of the process; only a power failure may take the last changes.
        config.setSynchronous(SQLiteConfig.SynchronousMode.NORMAL);
        config.setBusyTimeout(5000);
        var source = new SQLiteDataSource(config);
        source.setUrl("jdbc:sqlite:" + file);
        return source;
    }

    /// Adds the job, or replaces what was stored of it.
    public void save(TrackedJob.Record r) {
        handle.createUpdate("""
                INSERT INTO job (job_id, state, job, model_config, resume_directory, cancelled)
                VALUES (:id, :state, :job, :config, :resume, :cancelled)
                ON CONFLICT (job_id) DO UPDATE SET state = :state, job = :job, cancelled = :cancelled""")
                .bind("id", r.job().getJobId()).bind("state", r.job().getState().name()).bind("job", r.job().toByteArray())
                .bind("config", r.modelConfigJson()).bind("resume", r.resume().map(StoragePath::text).orElse(null))
                .bind("cancelled", r.cancelled()).execute();
    }

    /// In the order in which they were submitted.
    public List<TrackedJob.Record> all() {
        return handle.createQuery("SELECT job, model_config, resume_directory, cancelled FROM job ORDER BY sequence")
                .map((row, _) -> record(row)).list();
    }

    private static TrackedJob.Record record(ResultSet row) throws SQLException {
        try {
            return new TrackedJob.Record(Job.parseFrom(row.getBytes("job")), row.getString("model_config"),
                    Optional.ofNullable(row.getString("resume_directory")).map(StoragePath::of), row.getBoolean("cancelled"));
        } catch (InvalidProtocolBufferException e) {
            throw new SQLException("a stored job is not readable", e);
        }
    }

    @Override
    public void close() {
        handle.close();
    }
}
