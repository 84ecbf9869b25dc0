//! Money as people write and read it.

use iso_currency::Currency;

use crate::amount::minor;

/// `12.50 EUR` or `EUR 12.50` as a currency and minor units.
pub fn parse_money(text: &str) -> Result<(String, i64), String> {
    let text = text.trim();
    let wrong = || format!("{text:?} is not an amount: write it as in '12.50 EUR'");
    let letters = |word: &str| word.len() == 3 && word.bytes().all(|b| b.is_ascii_alphabetic());
    let (front, rest) = text.split_once(' ').ok_or_else(wrong)?;
    let (back_rest, back) = text.rsplit_once(' ').ok_or_else(wrong)?;
    let (amount, currency) = if letters(front) {
        (rest, front)
    } else if letters(back) {
        (back_rest, back)
    } else {
        return Err(wrong());
    };
    let currency = currency.to_ascii_uppercase();
    let (negative, amount) = match amount.trim().strip_prefix('-') {
        Some(amount) => (true, amount),
        None => (false, amount),
    };
    let minor = minor(amount, &currency).map_err(|error| error.to_string())?;
    Ok((currency, if negative { -minor } else { minor }))
}

/// Minor units as people read them: with the decimals of the currency.
pub fn money_text(minor: i64, currency: &str) -> String {
    let digits = Currency::from_code(currency).and_then(Currency::exponent);
    let digits = digits.map_or(0, usize::from);
    let sign = if minor < 0 { "-" } else { "" };
    let whole = minor.unsigned_abs().to_string();
    if digits == 0 {
        return format!("{sign}{whole} {currency}");
    }
    let padded = format!("{whole:0>width$}", width = digits + 1);
    let (whole, fraction) = padded.split_at(padded.len() - digits);
    format!("{sign}{whole}.{fraction} {currency}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts() {
        assert_eq!(parse_money("12.50 EUR"), Ok(("EUR".into(), 1_250)));
        assert_eq!(parse_money("jpy 300"), Ok(("JPY".into(), 300)));
        assert_eq!(parse_money("-3 EUR"), Ok(("EUR".into(), -300)));
        for bad in ["", "12.50", "EUR", "12.505 EUR", "x EUR", "1 QQQ"] {
            assert!(parse_money(bad).is_err(), "{bad}");
        }
        assert_eq!(money_text(1_250, "EUR"), "12.50 EUR");
        assert_eq!(money_text(-5, "EUR"), "-0.05 EUR");
        assert_eq!(money_text(300, "JPY"), "300 JPY");
        assert_eq!(money_text(7, "hours"), "7 hours");
        assert_eq!(money_text(i64::MIN, "EUR"), "-92233720368547758.08 EUR");
    }
}
