/// Which rank holds which rows of which parameter: [dev.kintsugi.sharding.plan.ShardPlanner] makes a
/// [dev.kintsugi.sharding.plan.ShardPlan] of a meta model and a [dev.kintsugi.sharding.plan.Sharding], which is a strategy on a number of ranks.
/// Open the planner first.
package dev.kintsugi.sharding.plan;
