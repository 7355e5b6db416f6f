package dev.kintsugi.coordinator.scheduler;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.coordinator.scheduler.GangScheduler.Host;
import dev.kintsugi.coordinator.scheduler.GangScheduler.Place;
import dev.kintsugi.coordinator.scheduler.GangScheduler.Share;
import dev.kintsugi.coordinator.scheduler.GangScheduler.Wait;
import java.util.List;
import org.junit.jupiter.api.Test;

class GangSchedulerTest {
    @Test
    void shouldTakeTheHostWithTheLeastRoomThatSuffices() {
        var place = (Place) GangScheduler.place(2, false, List.of(new Host("a", 8), new Host("b", 3), new Host("c", 1)));
        assertThat(place.shares()).containsExactly(new Share("b", List.of(0, 1)));
        assertThat(place.reason()).isEqualTo("2 ranks on b");
    }

    @Test
    void shouldSpreadOverAsFewHostsAsPossibleWhenNoneSuffices() {
        var place = (Place) GangScheduler.place(5, false, List.of(new Host("a", 1), new Host("b", 3), new Host("c", 2)));
        assertThat(place.shares()).containsExactly(new Share("b", List.of(0, 1, 2)), new Share("c", List.of(3, 4)));
    }

    @Test
    void shouldPlaceAllRanksOrNone() {
        var wait = (Wait) GangScheduler.place(4, false, List.of(new Host("a", 2), new Host("b", 1)));
        assertThat(wait.reason()).isEqualTo("waiting for 4 free slots; 3 are free on 2 hosts");
    }

    @Test
    void shouldWaitForOneHostWhenRanksShareMemory() {
        var wait = (Wait) GangScheduler.place(3, true, List.of(new Host("a", 2), new Host("b", 2)));
        assertThat(wait.reason()).isEqualTo("waiting for 3 free slots on one host; the most free are 2");
    }

    @Test
    void shouldWaitWhenThereIsNoHost() {
        assertThat(GangScheduler.place(1, false, List.of()).reason()).isEqualTo("waiting for 1 free slots; 0 are free on 0 hosts");
    }

    @Test
    void shouldNotCountHostsThatAreOverbooked() {
        assertThat(GangScheduler.place(2, false, List.of(new Host("a", -4), new Host("b", 2)))).isInstanceOf(Place.class);
        assertThat(GangScheduler.place(3, false, List.of(new Host("a", -4), new Host("b", 2), new Host("c", 1))))
                .isInstanceOf(Place.class);
    }
}
