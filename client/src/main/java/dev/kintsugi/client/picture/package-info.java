/// From metrics.jsonl to something to look at: [LossPicture] draws a PNG, [Sparkline] a line of text. Letters are drawn as strokes of our
/// own ([StrokeFont]), because Java's text needs fonts and fontconfig, which servers and containers often lack.
package dev.kintsugi.client.picture;
