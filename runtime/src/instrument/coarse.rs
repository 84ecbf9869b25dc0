//! The longest ways through a function, for gas that is counted at least.
//!
//! The instructions of a function lie in regions: its body, and each loop without the
//! loops in it. Within a region code only goes forward, so from its head on at most
//! what the longest way costs is executed before control leaves the region or comes
//! to its head again. That is charged at the head, for the function on entry.

use wasmparser::{BinaryReaderError, Operator};

/// A region that is open.
struct Region {
    /// Which of the costs is its own.
    slot: usize,
    /// The longest way from its head to here. Behind a jump nothing comes from there: 0.
    way: u64,
}

/// A block that is open.
struct Label {
    /// In which region what comes after it lies.
    region: usize,
    is_loop: bool,
    /// The longest way by which something jumps behind it.
    arrives: u64,
    /// For an `if` without an `else` so far: the way to its condition.
    skips: Option<u64>,
}

/// Follows a function's body and measures the longest way of each region.
pub(crate) struct Ways {
    regions: Vec<Region>,
    labels: Vec<Label>,
    costs: Vec<u64>,
}

impl Ways {
    /// At the beginning of a body whose entry costs something.
    pub(crate) fn new(entry: u64) -> Self {
        Self {
            regions: vec![Region {
                slot: 0,
                way: entry,
            }],
            labels: vec![Label {
                region: 0,
                is_loop: false,
                arrives: 0,
                skips: None,
            }],
            costs: vec![entry],
        }
    }

    fn open(&mut self, is_loop: bool, skips: Option<u64>) {
        self.labels.push(Label {
            region: self.regions.len().saturating_sub(1),
            is_loop,
            arrives: 0,
            skips,
        });
        if is_loop {
            let slot = self.costs.len();
            self.costs.push(0);
            self.regions.push(Region { slot, way: 0 });
        }
    }

    fn way(&self) -> u64 {
        self.regions.last().map_or(0, |region| region.way)
    }

    fn set_way(&mut self, way: u64) {
        if let Some(region) = self.regions.last_mut() {
            region.way = way;
        }
    }

    fn jump(&mut self, depth: u32) {
        let label = self.labels.iter_mut().rev().nth(depth as usize);
        if let Some(label) = label.filter(|label| !label.is_loop) {
            // what loops around it have cost, those were charged for themselves
            let way = self.regions.get(label.region).map_or(0, |it| it.way);
            label.arrives = label.arrives.max(way);
        }
    }

    /// Takes the next instruction of a valid body.
    pub(crate) fn take(
        &mut self,
        operator: &Operator<'_>,
        cost: u64,
    ) -> Result<(), BinaryReaderError> {
        if let Some(region) = self.regions.last_mut() {
            region.way += cost;
            let longest = &mut self.costs[region.slot];
            *longest = region.way.max(*longest);
        }
        match operator {
            Operator::Block { .. } => self.open(false, None),
            Operator::Loop { .. } => self.open(true, None),
            Operator::If { .. } => self.open(false, Some(self.way())),
            Operator::Else => {
                let way = self.way();
                let mut before = 0;
                if let Some(label) = self.labels.last_mut() {
                    label.arrives = label.arrives.max(way);
                    before = label.skips.take().unwrap_or(0);
                }
                self.set_way(before);
            }
            Operator::End => {
                let Some(label) = self.labels.pop() else {
                    return Ok(());
                };
                if label.is_loop {
                    self.regions.pop();
                } else {
                    let way = self.way().max(label.arrives);
                    self.set_way(way.max(label.skips.unwrap_or(0)));
                }
            }
            Operator::BrIf { relative_depth } => self.jump(*relative_depth),
            Operator::Br { relative_depth } => {
                self.jump(*relative_depth);
                self.set_way(0);
            }
            Operator::BrTable { targets } => {
                for target in targets.targets() {
                    self.jump(target?);
                }
                self.jump(targets.default());
                self.set_way(0);
            }
            Operator::Return | Operator::Unreachable => self.set_way(0),
            _ => {}
        }
        Ok(())
    }

    /// What the body costs at most on its way, and each loop in the order of their heads.
    pub(crate) fn finish(self) -> Vec<u64> {
        self.costs
    }
}
