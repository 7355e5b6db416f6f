package dev.kintsugi.worker.data.jinja;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.LocalDateTime;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TemplateTest {
    private static String render(String source) {
        return Template.of(source).render(Map.of()).text();
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{% for a in range(99999) %}{% for b in range(99999) %}{{ a * b }}{% endfor %}{% endfor %}",
        "{% set ns = namespace(s='x') %}{% for a in range(40) %}{% set ns.s = ns.s + ns.s %}{{ ns.s }}{% endfor %}",
        "{{ range(100000000) }}", "{{ 'x' * 100000000 }}"})
    void shouldEndWhateverATemplateDoes(String source) {
        assertThatThrownBy(() -> render(source)).isInstanceOf(TemplateException.class);
    }

    @Test
    void shouldRefuseToNestForEver() {
        assertThatThrownBy(() -> render("{{ " + "(".repeat(5000) + "1" + ")".repeat(5000) + " }}")).isInstanceOf(TemplateException.class);
        assertThatThrownBy(() -> render("{{ " + "-".repeat(5000) + "1 }}")).isInstanceOf(TemplateException.class);
        assertThatThrownBy(() -> render("{% if 1 %}".repeat(5000))).isInstanceOf(TemplateException.class);
    }

    @Test
    void shouldSayWhichLineFailed() {
        assertThatThrownBy(() -> render("a\n\n{{ nope.x }}")).isInstanceOfSatisfying(TemplateException.class, e -> assertThat(e.line()).isEqualTo(3));
        assertThatThrownBy(() -> render("a\n{% if 1 %}\n{% endfor %}")).isInstanceOfSatisfying(TemplateException.class, e -> assertThat(e.line()).isEqualTo(3));
    }

    @ParameterizedTest
    @CsvSource({"%d %b %Y, 05 Mar 2026", "%Y-%m-%dT%H:%M:%S, 2026-03-05T17:04:09", "%A %B %j %I %p %y %%, Thursday March 064 05 PM 26 %"})
    void shouldTellTheDate(String format, String expected) {
        Template template = Template.of("{{ strftime_now('" + format + "') }}", () -> LocalDateTime.of(2026, 3, 5, 17, 4, 9));
        assertThat(template.render(Map.of()).text()).isEqualTo(expected);
    }
}
