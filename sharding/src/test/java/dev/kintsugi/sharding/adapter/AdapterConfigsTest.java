package dev.kintsugi.sharding.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AdapterConfigsTest {
    @Test
    void shouldReadWhatItWrites() {
        for (TargetModules targets : List.of(new TargetModules.AllLinear(), new TargetModules.Names(List.of("q_proj", "v_proj")))) {
            var lora = new LoraConfig(6, 12.5, 0.05, targets, true, List.of("lm_head"));
            assertThat(AdapterConfigs.parse(AdapterConfigs.toJson(lora, "base"), "x")).isEqualTo(lora);
        }
        var regex = new LoraConfig(1, 1, 0, new TargetModules.Regex(Pattern.compile(".*[02].*_proj")), false, List.of());
        LoraConfig back = AdapterConfigs.parse(AdapterConfigs.toJson(regex, ""), "x");
        assertThat(back.targets().matches("model.layers.2.mlp.up_proj")).isTrue();
        assertThat(back.targets().matches("model.layers.1.mlp.up_proj")).isFalse();
    }

    /// Settings that would make other adapters than these must not be dropped.
    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '~', textBlock = """
            {"peft_type": "IA3"}                                                                   | peft_type=IA3
            {"peft_type": "LORA", "target_modules": ["q_proj"], "use_dora": true}                  | use_dora=true
            {"peft_type": "LORA", "target_modules": ["q_proj"], "rank_pattern": {"q_proj": 4}}     | rank_pattern
            {"peft_type": "LORA", "target_modules": ["q_proj"], "bias": "all"}                     | bias=all
            {"peft_type": "LORA", "target_modules": ["q_proj"], "layers_to_transform": 3}          | layers_to_transform=3
            {"peft_type": "LORA", "target_modules": []}                                            | target_modules
            {"peft_type": "LORA", "target_modules": "(q"}                                          | no regular expression
            {"peft_type": "LORA", "target_modules": ["q_proj"], "r": 0}                            | lora_r=0
            {"peft_type":                                                                          | not valid JSON
            """)
    void shouldRefuseOtherVariants(String json, String named) {
        assertThatThrownBy(() -> AdapterConfigs.parse(json, "adapter_config.json")).isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("adapter_config.json").hasMessageContaining(named);
    }

    @Test
    void shouldMatchNamesAsPeftDoes() {
        var names = new TargetModules.Names(List.of("proj", "mlp.up"));
        assertThat(names.matches("a.proj")).isTrue();
        assertThat(names.matches("proj")).isTrue();
        assertThat(names.matches("a.q_proj")).isFalse();
        assertThat(names.matches("x.mlp.up")).isTrue();
    }
}
