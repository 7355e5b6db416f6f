/// From the ranks that saved a checkpoint to the ranks that resume it: [ReshardPlan] says which rows of which saved shard
/// make up each new one. Pure arithmetic on rows.
package dev.kintsugi.sharding.reshard;
