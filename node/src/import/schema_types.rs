//! Types of schema.org that are taken: businesses with their category in the
//! words of OpenStreetMap, goods, services, and what holds others.
//! The types: <https://schema.org/LocalBusiness>, <https://schema.org/Product>.

/// What a type is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A business with a place: key and value of its category.
    Business(&'static str, &'static str),
    /// Something that is sold.
    Goods,
    /// Something that is done for people.
    Service,
    /// An offer, which names what it offers.
    Offer,
    /// A list, a menu, a catalog: what is in it counts.
    Holder,
}

/// Businesses by their type; the more general ones stand last.
const BUSINESSES: &[(&str, &str, &str)] = &[
    ("Bakery", "shop", "bakery"),
    ("BarOrPub", "amenity", "bar"),
    ("Brewery", "craft", "brewery"),
    ("CafeOrCoffeeShop", "amenity", "cafe"),
    ("Distillery", "craft", "distillery"),
    ("FastFoodRestaurant", "amenity", "fast_food"),
    ("IceCreamShop", "amenity", "ice_cream"),
    ("Restaurant", "amenity", "restaurant"),
    ("Winery", "craft", "winery"),
    ("FoodEstablishment", "amenity", "restaurant"),
    ("AutoPartsStore", "shop", "car_parts"),
    ("BikeStore", "shop", "bicycle"),
    ("BookStore", "shop", "books"),
    ("ClothingStore", "shop", "clothes"),
    ("ComputerStore", "shop", "computer"),
    ("ConvenienceStore", "shop", "convenience"),
    ("DepartmentStore", "shop", "department_store"),
    ("ElectronicsStore", "shop", "electronics"),
    ("Florist", "shop", "florist"),
    ("FurnitureStore", "shop", "furniture"),
    ("GardenStore", "shop", "garden_centre"),
    ("GroceryStore", "shop", "supermarket"),
    ("HardwareStore", "shop", "hardware"),
    ("HobbyShop", "shop", "hobby"),
    ("HomeGoodsStore", "shop", "houseware"),
    ("JewelryStore", "shop", "jewelry"),
    ("LiquorStore", "shop", "alcohol"),
    ("MensClothingStore", "shop", "clothes"),
    ("MobilePhoneStore", "shop", "mobile_phone"),
    ("MusicStore", "shop", "music"),
    ("OfficeEquipmentStore", "shop", "stationery"),
    ("PawnShop", "shop", "pawnbroker"),
    ("PetStore", "shop", "pet"),
    ("ShoeStore", "shop", "shoes"),
    ("SportingGoodsStore", "shop", "sports"),
    ("TireShop", "shop", "tyres"),
    ("ToyStore", "shop", "toys"),
    ("WholesaleStore", "shop", "wholesale"),
    ("Store", "shop", "yes"),
    ("ShoppingCenter", "shop", "mall"),
    ("AutoRepair", "shop", "car_repair"),
    ("AutoDealer", "shop", "car"),
    ("BeautySalon", "shop", "beauty"),
    ("DaySpa", "shop", "beauty"),
    ("DryCleaningOrLaundry", "shop", "laundry"),
    ("HairSalon", "shop", "hairdresser"),
    ("NailSalon", "shop", "beauty"),
    ("Optician", "shop", "optician"),
    ("TattooParlor", "shop", "tattoo"),
    ("TravelAgency", "shop", "travel_agency"),
    ("Electrician", "craft", "electrician"),
    ("GeneralContractor", "craft", "builder"),
    ("HVACBusiness", "craft", "hvac"),
    ("HousePainter", "craft", "painter"),
    ("Locksmith", "craft", "locksmith"),
    ("MovingCompany", "craft", "mover"),
    ("Plumber", "craft", "plumber"),
    ("RoofingContractor", "craft", "roofer"),
    ("HomeAndConstructionBusiness", "craft", "yes"),
    ("HealthAndBeautyBusiness", "shop", "beauty"),
    ("ProfessionalService", "craft", "yes"),
    ("LocalBusiness", "shop", "yes"),
];

/// Other types that are taken.
const OTHERS: &[(&str, Role)] = &[
    ("Product", Role::Goods),
    ("IndividualProduct", Role::Goods),
    ("ProductModel", Role::Goods),
    ("MenuItem", Role::Goods),
    ("Service", Role::Service),
    ("FoodService", Role::Service),
    ("TaxiService", Role::Service),
    ("Offer", Role::Offer),
    ("AggregateOffer", Role::Offer),
    ("ItemList", Role::Holder),
    ("ListItem", Role::Holder),
    ("OfferCatalog", Role::Holder),
    ("Menu", Role::Holder),
    ("MenuSection", Role::Holder),
];

/// What the types of an object make it: the most special business, else the first
/// that is known.
pub fn role(types: &[&str]) -> Option<Role> {
    let business = BUSINESSES
        .iter()
        .find(|(name, _, _)| types.contains(name))
        .map(|(_, key, value)| Role::Business(key, value));
    let other = OTHERS.iter().find(|(name, _)| types.contains(name));
    business.or_else(|| other.map(|(_, role)| *role))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_special_type_counts() {
        for (types, want) in [
            (
                &["LocalBusiness", "Bakery"][..],
                Some(Role::Business("shop", "bakery")),
            ),
            (&["Store"], Some(Role::Business("shop", "yes"))),
            (&["Product"], Some(Role::Goods)),
            (&["Person"], None),
            (&[], None),
        ] {
            assert_eq!(role(types), want, "{types:?}");
        }
    }

    #[test]
    fn each_type_stands_once() {
        let mut names: Vec<&str> = BUSINESSES.iter().map(|(name, _, _)| *name).collect();
        names.extend(OTHERS.iter().map(|(name, _)| *name));
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
