package dev.kintsugi.sharding.manifest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kintsugi.sharding.manifest.Retention.Kept;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RetentionTest {
    /// Steps, `v` after those that are verified, `b` after the best.
    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            4v 8v 12v      | 2 | 4
            4v 8v 12v      | 3 | ''
            4v 8v 12v      | 1 | 4 8
            12v 4v 8v      | 1 | 4 8
            4v 8 12        | 1 | ''
            4v 8 12v 16    | 1 | 4 8
            4 8 12         | 1 | ''
            2 4v 8v 12     | 2 | 2
            4v             | 2 | ''
            4v 8v 12vb     | 1 | 4 8
            4v 8vb 12v     | 1 | 4
            4vb 8v 12v     | 2 | ''
            """)
    void shouldRemoveOnlyWhatNewerVerifiedOnesReplaceAndNeverTheBest(String checkpoints, int limit, String removed) {
        List<Kept> kept = Arrays.stream(checkpoints.split(" ")).map(c -> new Kept(number(c), c.contains("v"))).toList();
        long best = Arrays.stream(checkpoints.split(" ")).filter(c -> c.endsWith("b")).mapToLong(RetentionTest::number).sum();
        List<Long> expected = removed.isEmpty() ? List.of() : Arrays.stream(removed.split(" ")).map(Long::parseLong).toList();
        assertThat(Retention.replaced(kept, limit, best)).isEqualTo(expected);
        assertThatThrownBy(() -> Retention.replaced(kept, 0, 0)).hasMessage("save_total_limit=0; must be at least 1");
    }

    private static long number(String checkpoint) {
        return Long.parseLong(checkpoint.replaceAll("[vb]", ""));
    }
}
