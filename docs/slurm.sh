#!/bin/bash
# A dataset as a SLURM job array: every task writes its share of the shards into one folder that all nodes see.
#
#   sbatch --export=ALL,RECIPE=mine.toml,OUT=/shared/mine docs/slurm.sh
#
# A task that was killed, requeued or submitted again goes on where it stopped. The one that writes the last shard
# completes the dataset. Where the nodes share no folder, OUT=/scratch/mine-%a gives every task its own; %a is the
# task's number. 'aimkit dataset merge' joins them.
#SBATCH --job-name=aimkit
#SBATCH --array=0-15
#SBATCH --cpus-per-task=8
#SBATCH --mem-per-cpu=2G
#SBATCH --time=08:00:00
#SBATCH --requeue
#SBATCH --output=aimkit-%A-%a.log
set -euo pipefail

# Workers are processes; threads inside them only fight for the same cores.
export OMP_NUM_THREADS=1
OUT=${OUT:-out/demo}

aimkit synth "${RECIPE:-demo}" -o "${OUT//%a/$SLURM_ARRAY_TASK_ID}" \
    --shards "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT" \
    --workers "$SLURM_CPUS_PER_TASK" \
    ${ARGS:-}
