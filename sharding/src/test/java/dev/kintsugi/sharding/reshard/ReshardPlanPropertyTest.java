package dev.kintsugi.sharding.reshard;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kintsugi.sharding.architecture.ModelSpec;
import dev.kintsugi.sharding.architecture.ParameterSpec;
import dev.kintsugi.sharding.manifest.RandomModels;
import dev.kintsugi.sharding.manifest.SavedParameter;
import dev.kintsugi.sharding.plan.ParameterPlan;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.sharding.plan.ShardPlanner;
import dev.kintsugi.sharding.plan.UnitPlan;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ReshardPlanPropertyTest {
    /// Every pair of world sizes 1..16: follow each row's number from the saved shards to the new ones.
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6})
    void shouldBringEveryRowToItsNewOwner(long defaultSeed) {
        long seed = Long.getLong("test.seed", defaultSeed);
        ModelSpec model = RandomModels.next(new Random(seed));
        for (int n = 1; n <= 16; n++) {
            Map<String, SavedParameter> saved = saved(ShardPlanner.plan(model, n));
            for (int m = 1; m <= 16; m++) {
                var reshard = new ReshardPlan(saved, ShardPlanner.plan(model, m));
                for (UnitPlan unit : reshard.target().units()) {
                    for (ParameterPlan p : unit.parameters()) {
                        checkRows(reshard, saved.get(p.spec().name()), p, "seed=%d %d->%d".formatted(seed, n, m));
                    }
                }
            }
        }
    }

    private static void checkRows(ReshardPlan reshard, SavedParameter saved, ParameterPlan p, String what) {
        for (int rank = 0; rank < reshard.target().worldSize(); rank++) {
            long[] rows = new long[Math.toIntExact(p.rows(rank))];
            long next = 0;
            for (RowPiece piece : reshard.pieces(p, rank)) {
                assertThat(piece.row()).as(what).isEqualTo(next);
                assertThat(piece.savedRow() + piece.rows()).as(what).isLessThanOrEqualTo(saved.rows(piece.savedRank()));
                for (int i = 0; i < piece.rows(); i++) {
                    rows[Math.toIntExact(piece.row()) + i] = saved.firstRow(piece.savedRank()) + piece.savedRow() + i;
                }
                next += piece.rows();
                assertThat(reshard.savedRanks(rank)).as(what).contains(piece.savedRank());
            }
            assertThat(next).as(what).isEqualTo(rows.length);
            assertThat(rows).as(what).isEqualTo(LongStream.range(p.firstRow(rank), p.firstRow(rank) + rows.length).toArray());
        }
    }

    @Test
    void shouldReadOnlyItsOwnFilesWhenTheWorldSizeStays() {
        ModelSpec model = RandomModels.next(new Random(9));
        ShardPlan plan = ShardPlanner.plan(model, 3);
        var reshard = new ReshardPlan(saved(plan), plan);
        assertThat(reshard.savedRanks(0)).containsExactly(0);
    }

    @Test
    void shouldCutASavedParameterAtTheSavedRanks() {
        var saved = new SavedParameter("w", List.of(7L, 2L), 3);
        assertThat(ReshardPlan.pieces(saved, 2, 5)).containsExactly(new RowPiece("w", 0, 2, 0, 1), new RowPiece("w", 1, 0, 1, 3),
                new RowPiece("w", 2, 0, 4, 1));
        assertThat(ReshardPlan.pieces(saved, 7, 0)).isEmpty();
        assertThat(saved.rows(3)).isZero();
    }

    @Test
    void shouldRefuseRowsThatNoRankSaved() {
        assertThatThrownBy(() -> new SavedParameter("w", List.of(7L), 8))
                .hasMessage("parameter 'w': rows_per_rank=8; must be in [1, 7]");
        assertThatThrownBy(() -> new SavedParameter("w", List.of(1L << 40, 1L << 40), 8))
                .hasMessageContaining("is larger than any tensor");
    }

    private static Map<String, SavedParameter> saved(ShardPlan plan) {
        var saved = new HashMap<String, SavedParameter>();
        for (UnitPlan unit : plan.units()) {
            for (ParameterPlan p : unit.parameters()) {
                ParameterSpec spec = p.spec();
                saved.put(spec.name(), new SavedParameter(spec.name(), spec.shape(), p.rowsPerRank()));
            }
        }
        return saved;
    }
}
