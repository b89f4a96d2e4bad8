//! The metrics as Prometheus reads them.

use std::fmt;
use std::sync::atomic::Ordering;

use plugins::Reason;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use super::tally::Sum;
use super::{Labels, Metrics};

impl Collector for Metrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let sums = self.sums();
        requests(&mut encoder, &sums)?;
        durations(&mut encoder, &sums)?;
        let name = "portolan_requests_unchecked";
        counters(&mut encoder, name, "Requests whose input would have taken too long to check", &sums, |sum| {
            sum.unchecked
        })?;
        let name = "portolan_requests_reported";
        counters(&mut encoder, name, "Requests whose input does not fit the schema and passed", &sums, |sum| {
            sum.reported
        })?;
        problems(&mut encoder, self)?;
        let name = "portolan_access_log_dropped_lines";
        let help = "Access log lines that were dropped because their reader is slow";
        count(&mut encoder.encode_descriptor(name, help, None, MetricType::Counter)?, self.dropped())
    }
}

fn requests(encoder: &mut DescriptorEncoder<'_>, sums: &[(Labels, Sum)]) -> fmt::Result {
    let help = "Requests that were answered";
    let mut metric = encoder.encode_descriptor("portolan_requests", help, None, MetricType::Counter)?;
    for ((upstream, function), sum) in sums {
        for (status, n) in &sum.statuses {
            let code = if *status == 0 { "other".to_owned() } else { status.to_string() };
            let labels = [("upstream", &**upstream), ("function", &**function), ("code", &*code)];
            count(&mut metric.encode_family(&labels)?, *n)?;
        }
    }
    Ok(())
}

fn durations(encoder: &mut DescriptorEncoder<'_>, sums: &[(Labels, Sum)]) -> fmt::Result {
    let help = "From the request's head to the end of the answer";
    let name = "portolan_request_duration_seconds";
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
    for (labels, sum) in sums.iter().filter(|(_, sum)| sum.count() > 0) {
        let labels = of(labels);
        let mut metric = metric.encode_family(&labels)?;
        metric.encode_histogram::<NoLabelSet>(sum.seconds, sum.count(), &sum.buckets, None)?;
    }
    Ok(())
}

fn counters(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    sums: &[(Labels, Sum)],
    value: fn(&Sum) -> u64,
) -> fmt::Result {
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (labels, sum) in sums.iter().filter(|(_, sum)| value(sum) > 0) {
        count(&mut metric.encode_family(&of(labels))?, value(sum))?;
    }
    Ok(())
}

fn problems(encoder: &mut DescriptorEncoder<'_>, metrics: &Metrics) -> fmt::Result {
    let help = "Requests that Portolan answered itself or cut off, and whose fault that was";
    let mut metric = encoder.encode_descriptor("portolan_problems", help, None, MetricType::Counter)?;
    for (row, n) in Reason::TABLE.iter().zip(&metrics.problems) {
        match n.load(Ordering::Relaxed) {
            0 => {}
            n => count(&mut metric.encode_family(&[("reason", row.name), ("blame", row.blame.as_str())])?, n)?,
        }
    }
    Ok(())
}

fn of((upstream, function): &Labels) -> impl EncodeLabelSet {
    [("upstream", &**upstream), ("function", &**function)]
}

fn count(metric: &mut MetricEncoder<'_>, n: u64) -> fmt::Result {
    metric.encode_counter::<NoLabelSet, u64, f64>(&n, None)
}
