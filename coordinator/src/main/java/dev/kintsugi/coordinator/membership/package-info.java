/// Who is here: node agents with their slots, and whether they are still heard from. Start with [Agents].
package dev.kintsugi.coordinator.membership;
