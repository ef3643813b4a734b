//! Scenario `shop`: a web shop of 23 services in seven namespaces.
//!
//! It holds what makes dependency graphs interesting: a canary, caches, retries, time limits, swallowed errors, a topic
//! with three consumers, an exchange with a queue, an external bank, a name server that nearly every flow needs
//! and that few traces show, and health checks that should not count.

use super::conventions::{Conventions, Endpoint, behind_gateway, grpc, http};
use super::system::{Call, Chance, Delivery, OperationId, ServiceId, ServiceSpec, Step, System, Version};

const MILLI: u64 = 1_000_000;

/// The shop with the parts that scenarios build upon.
#[derive(Clone, Debug)]
pub struct Shop {
    /// The system.
    pub system: System,
    /// The cluster's control plane.
    pub control_plane: ServiceId,
    /// Its operation that lists objects.
    pub list_objects: OperationId,
    /// The name server.
    pub name_server: ServiceId,
}

/// Calls before which the name server is asked, of 10,000: the callers' caches answer the others.
pub const LOOKUPS: u32 = 30;
/// Look-ups for which the name server asks the control plane, of 10,000.
pub const MISSING_RECORDS: u32 = 1_500;

/// Builds the shop on a cluster of so many nodes.
pub fn shop(nodes: u32) -> Shop {
    let mut build = Build { system: System::on_nodes(nodes) };
    let platform = build.platform();
    let identity = build.identity();
    let discovery = build.discovery(platform.read_config);
    let checkout = build.checkout(&identity, &discovery);
    build.storefront(&identity, &discovery, &checkout);
    build.background(&discovery, platform.read_config);
    build.system.resolver = Some(platform.look_up);
    Shop {
        system: build.system,
        control_plane: platform.control_plane,
        list_objects: platform.list_objects,
        name_server: platform.name_server,
    }
}

struct Build {
    system: System,
}

struct Platform {
    control_plane: ServiceId,
    list_objects: OperationId,
    name_server: ServiceId,
    look_up: OperationId,
    read_config: OperationId,
}

struct Identity {
    verify: OperationId,
    profile: OperationId,
}

struct Discovery {
    product: OperationId,
    find: OperationId,
    recommend: OperationId,
    price: OperationId,
    reprice: OperationId,
}

struct Checkout {
    read_cart: OperationId,
    add_to_cart: OperationId,
    place_order: OperationId,
    track: OperationId,
}

impl Build {
    fn service(
        &mut self,
        name: &'static str,
        namespace: &'static str,
        language: &'static str,
        versions: Vec<Version>,
    ) -> ServiceId {
        // Java and PHP services still run old agents, as in most companies.
        let conventions =
            if matches!(language, "java" | "php") { Conventions::Old } else { Conventions::Stable };
        let spec = ServiceSpec { name, namespace, language, conventions, versions };
        let service = self.system.add_service(&spec);
        if namespace != "platform" {
            let probe = self.system.add_operation(service, &http("GET", "/healthz"), MILLI / 4);
            self.system.add_entry(probe, 1);
        }
        service
    }

    fn operation(
        &mut self,
        service: ServiceId,
        endpoint: &Endpoint,
        work_ms: u64,
        steps: Vec<Step>,
    ) -> OperationId {
        let operation = self.system.add_operation(service, endpoint, work_ms * MILLI);
        self.system.operation_mut(operation).steps = steps;
        operation
    }

    fn query(
        &mut self,
        service: ServiceId,
        database: (&'static str, &'static str),
        what: (&'static str, &'static str),
        latency_us: u64,
    ) -> Step {
        self.system.query(service, database, what, latency_us * 1_000).failing(2).step()
    }

    /// A look-up in a cache, then `on_miss` in the given share of 10,000 cases.
    fn cached(
        &mut self,
        service: ServiceId,
        key: &'static str,
        misses: u32,
        on_miss: Vec<Step>,
    ) -> Vec<Step> {
        let look_up = self.query(service, ("redis", "0"), ("GET", key), 400);
        vec![look_up, Step::Sometimes(Chance::Fixed(misses), on_miss)]
    }

    fn platform(&mut self) -> Platform {
        let control_plane =
            self.service("kube-apiserver", "platform", "go", vec![Version::stable("1.31.2", 3)]);
        let read_store = self.query(control_plane, ("etcd", ""), ("RANGE", "registry"), 900);
        let list_objects =
            self.operation(control_plane, &http("GET", "/api/v1/{resource}"), 2, vec![read_store.clone()]);
        let endpoints = http("GET", "/apis/discovery.k8s.io/v1/endpointslices");
        let read_endpoints = self.operation(control_plane, &endpoints, 2, vec![read_store]);
        let name_server = self.service("dns", "platform", "go", vec![Version::stable("1.11.3", 4)]);
        let refresh = Step::Sometimes(
            Chance::NameRecordMissing,
            vec![Call::to(read_endpoints).within_ms(1_000).step()],
        );
        let look_up = self.operation(name_server, &Endpoint::Dns, 0, vec![Step::Work(MILLI / 5), refresh]);
        for operation in [list_objects, read_endpoints, look_up] {
            // These are reached by address: whoever resolves names cannot look names up.
            self.system.operation_mut(operation).is_resolved = false;
        }
        let config = self.service("config", "platform", "go", vec![Version::stable("0.19.4", 2)]);
        let read_values = self.query(config, ("postgresql", "config"), ("SELECT", "values"), 800);
        let read_config =
            self.operation(config, &grpc("platform.config.v1.Config", "Get"), 1, vec![read_values]);
        Platform { control_plane, list_objects, name_server, look_up, read_config }
    }

    fn identity(&mut self) -> Identity {
        let users = self.service("users", "identity", "java", vec![Version::stable("5.2.0", 3)]);
        let read_user = self.query(users, ("mysql", "users"), ("SELECT", "accounts"), 1_300);
        let profile = self.operation(users, &http("GET", "/users/{id}"), 2, vec![read_user]);
        self.system.operation_mut(profile).rejections = 40;
        let auth = self.service("auth", "identity", "go", vec![Version::stable("2.8.1", 4)]);
        let check_account = vec![Call::to(profile).within_ms(400).step()];
        let verify_steps = self.cached(auth, "session", 400, check_account);
        let verify = self.operation(auth, &grpc("identity.auth.v1.Sessions", "Verify"), 1, verify_steps);
        Identity { verify, profile }
    }

    fn discovery(&mut self, read_config: OperationId) -> Discovery {
        let pricing = self.service("pricing", "discovery", "rust", vec![Version::stable("1.12.0", 3)]);
        let read_rules = self.query(pricing, ("postgresql", "pricing"), ("SELECT", "rules"), 900);
        let price_steps = self.cached(pricing, "price", 800, vec![read_rules.clone()]);
        let price = self.operation(pricing, &grpc("discovery.pricing.v1.Prices", "Quote"), 1, price_steps);
        let reprice_steps = vec![Call::to(read_config).step(), read_rules];
        let reprice = self.operation(pricing, &Endpoint::Local { name: "reprice" }, 20, reprice_steps);
        let catalogue = self.service("catalogue", "discovery", "go", vec![Version::stable("4.0.3", 4)]);
        let read_product = self.query(catalogue, ("mongodb", "catalogue"), ("find", "products"), 2_100);
        let mut product_steps = self.cached(catalogue, "product", 1_500, vec![read_product]);
        product_steps.push(Call::to(price).within_ms(300).step());
        let product = self.operation(catalogue, &http("GET", "/products/{id}"), 2, product_steps);
        self.system.operation_mut(product).rejections = 120;
        let search = self.service("search", "discovery", "java", vec![Version::stable("3.3.7", 3)]);
        let scan = self.query(search, ("elasticsearch", "products"), ("search", "products"), 14_000);
        let rank = self.system.internal("rank results");
        let find_steps = vec![scan, Step::Local(rank, vec![Step::Work(4 * MILLI)])];
        let find = self.operation(search, &http("GET", "/search"), 3, find_steps);
        self.system.operation_mut(find).errors = 25;
        let recommend = self.recommendation(product);
        Discovery { product, find, recommend, price, reprice }
    }

    fn recommendation(&mut self, product: OperationId) -> OperationId {
        let service =
            self.service("recommendation", "discovery", "python", vec![Version::stable("0.44.2", 3)]);
        let read_model = self.query(service, ("redis", "1"), ("HGETALL", "model"), 700);
        let fetch = (0..3).map(|_| Call::to(product).within_ms(200).or_else().step()).collect();
        let steps = vec![read_model, Step::Work(6 * MILLI), Step::Together(fetch)];
        let endpoint = grpc("discovery.recommendation.v1.Recommendations", "List");
        let recommend = self.operation(service, &endpoint, 4, steps);
        self.system.operation_mut(recommend).errors = 90;
        recommend
    }

    fn checkout(&mut self, identity: &Identity, discovery: &Discovery) -> Checkout {
        let cart = self.service("cart", "checkout", "dotnet", vec![Version::stable("2.1.9", 3)]);
        let read_items = self.query(cart, ("redis", "2"), ("HGETALL", "cart"), 500);
        let write_item = self.query(cart, ("redis", "2"), ("HSET", "cart"), 600);
        let read_cart = self.operation(cart, &grpc("checkout.cart.v1.Carts", "Get"), 1, vec![read_items]);
        let add_steps = vec![Call::to(discovery.product).retried(1).within_ms(300).step(), write_item];
        let add_to_cart = self.operation(cart, &grpc("checkout.cart.v1.Carts", "Add"), 1, add_steps);
        let reserve = self.inventory();
        let pay = self.payment(identity);
        let (track, order_placed) = self.fulfilment(reserve);
        let service = self.service("checkout", "checkout", "go", vec![Version::stable("6.7.0", 4)]);
        let write_order = self.query(service, ("postgresql", "orders"), ("INSERT", "orders"), 2_400);
        let price_cart = self.system.internal("price cart");
        let quote = Step::Local(price_cart, vec![Call::to(discovery.price).within_ms(250).step()]);
        let gather =
            vec![Call::to(read_cart).step(), Call::to(identity.profile).within_ms(500).step(), quote];
        let balance = self.system.internal("pick endpoint");
        let steps = vec![
            Step::Together(gather),
            Call::to(reserve).retried(2).within_ms(150).step(),
            Call::to(pay).retried(1).within_ms(1_500).through(balance).step(),
            write_order,
            Step::Publish(order_placed),
        ];
        let place_order = self.operation(service, &http("POST", "/orders"), 5, steps);
        Checkout { read_cart, add_to_cart, place_order, track }
    }

    fn inventory(&mut self) -> OperationId {
        let service = self.service("inventory", "fulfilment", "java", vec![Version::stable("3.0.8", 3)]);
        let take = self.query(service, ("postgresql", "inventory"), ("UPDATE", "stock"), 3_000);
        let endpoint = grpc("fulfilment.inventory.v1.Stock", "Reserve");
        let reserve = self.operation(service, &endpoint, 3, vec![take]);
        self.system.operation_mut(reserve).errors = 150;
        reserve
    }

    fn payment(&mut self, identity: &Identity) -> OperationId {
        let fraud = self.service("fraud", "checkout", "python", vec![Version::stable("0.9.3", 2)]);
        let history = self.query(fraud, ("postgresql", "fraud"), ("SELECT", "signals"), 3_500);
        let judge_steps = vec![Call::to(identity.profile).within_ms(300).or_else().step(), history];
        let judge = self.operation(fraud, &grpc("checkout.fraud.v1.Fraud", "Score"), 9, judge_steps);
        let canary = Version { name: "3.5.0", instances: 1, weight: 4, errors: 600, slowness: 160 };
        let versions = vec![Version::stable("3.4.1", 3), canary];
        let service = self.service("payment", "checkout", "java", versions);
        let bank = ("POST", "api.bank.example", "/v2/payments");
        let charge = self.system.external(service, bank, 60 * MILLI).failing(40).step();
        let write = self.query(service, ("postgresql", "payments"), ("INSERT", "payments"), 2_000);
        let pay_steps = vec![Call::to(judge).within_ms(120).or_else().step(), charge, write];
        self.operation(service, &http("POST", "/payments"), 6, pay_steps)
    }

    /// Shipping with what follows an order; yields its tracking operation and the topic of orders.
    fn fulfilment(&mut self, reserve: OperationId) -> (OperationId, super::system::DestinationId) {
        let orders = self.system.add_destination("kafka", "orders");
        let mails = self.system.add_destination("rabbitmq", "notifications");
        let shipping = self.service("shipping", "fulfilment", "rust", vec![Version::stable("1.6.2", 2)]);
        let carrier = ("POST", "labels.carrier.example", "/v1/labels");
        let label = self.system.external(shipping, carrier, 90 * MILLI).failing(120).step();
        let write = self.query(shipping, ("postgresql", "shipping"), ("INSERT", "parcels"), 1_800);
        let read = self.query(shipping, ("postgresql", "shipping"), ("SELECT", "parcels"), 1_100);
        let track = self.operation(shipping, &http("GET", "/parcels/{id}"), 2, vec![read]);
        let ship = self.system.add_consumer(shipping, orders, None, Delivery::Parent, 4 * MILLI);
        self.system.operation_mut(ship).steps =
            vec![Call::to(reserve).step(), label, write, Step::Publish(mails)];
        let notification =
            self.service("notification", "engagement", "nodejs", vec![Version::stable("2.2.5", 2)]);
        let notify = self.system.add_consumer(notification, orders, None, Delivery::Links(1), 3 * MILLI);
        self.system.operation_mut(notify).steps = vec![Step::Publish(mails)];
        let analytics = self.service("analytics", "engagement", "java", vec![Version::stable("7.1.0", 2)]);
        let load = self.query(analytics, ("clickhouse", "events"), ("INSERT", "events"), 9_000);
        let ingest = self.system.add_consumer(analytics, orders, None, Delivery::Links(20), 12 * MILLI);
        self.system.operation_mut(ingest).steps = vec![load];
        let worker = self.service("email-worker", "engagement", "php", vec![Version::stable("1.0.31", 2)]);
        let relay = ("POST", "smtp.mail.example", "/send");
        let relay = self.system.external(worker, relay, 45 * MILLI).failing(200).step();
        let send = self.system.add_consumer(worker, mails, Some("email"), Delivery::Parent, 5 * MILLI);
        self.system.operation_mut(send).steps = vec![relay];
        (track, orders)
    }

    fn storefront(&mut self, identity: &Identity, discovery: &Discovery, checkout: &Checkout) {
        let web = self.service("web", "storefront", "nodejs", vec![Version::stable("9.14.0", 4)]);
        let bff = self.service("mobile-bff", "storefront", "nodejs", vec![Version::stable("4.8.2", 3)]);
        let reviews = self.service("reviews", "engagement", "php", vec![Version::stable("1.3.3", 2)]);
        let read_reviews = self.query(reviews, ("mysql", "reviews"), ("SELECT", "reviews"), 1_900);
        let read_reviews = self.operation(reviews, &http("GET", "/reviews/{id}"), 3, vec![read_reviews]);
        self.system.operation_mut(read_reviews).errors = 60;
        let recommend = Call::to(discovery.recommend).within_ms(120).or_else().step();
        let product = Call::to(discovery.product).within_ms(400).step();
        let review = Call::to(read_reviews).within_ms(100).or_else().step();
        let cart = Call::to(checkout.read_cart).step();
        let product_page = Step::Together(vec![product.clone(), recommend.clone(), review]);
        let home = vec![Step::Together(vec![recommend.clone(), cart.clone()])];
        let place_order = vec![Call::to(checkout.place_order).step()];
        let pages = [
            (web, "", "GET", "/", home, 30),
            (web, "", "GET", "/product/{id}", vec![product_page], 40),
            (web, "", "GET", "/find", vec![Call::to(discovery.find).within_ms(600).step()], 20),
            (web, "", "POST", "/cart", vec![Call::to(checkout.add_to_cart).step()], 12),
            (web, "", "POST", "/checkout", place_order.clone(), 6),
            (bff, "/api", "GET", "/home", vec![recommend, cart], 18),
            (bff, "/api", "GET", "/product/{id}", vec![product], 22),
            (bff, "/api", "POST", "/checkout", place_order, 4),
            (bff, "/api", "GET", "/parcel/{id}", vec![Call::to(checkout.track).within_ms(500).step()], 5),
        ];
        let gateway = self.service("gateway", "edge", "go", vec![Version::stable("1.20.1", 4)]);
        for (service, prefix, method, route, steps, weight) in pages {
            let page = self.operation(service, &http(method, route), 3, steps);
            let verify = Call::to(identity.verify).within_ms(200).step();
            // The gateway reports one catch-all route, as gateways do; only the path tells pages apart.
            let entry = behind_gateway(method, "/*", format!("{prefix}{route}"));
            let entry = self.operation(gateway, &entry, 1, vec![verify, Call::to(page).step()]);
            self.system.add_entry(entry, weight);
        }
    }

    fn background(&mut self, discovery: &Discovery, read_config: OperationId) {
        self.system.add_entry(discovery.reprice, 1);
        let scheduler = self.service("scheduler", "platform", "go", vec![Version::stable("0.7.7", 1)]);
        let sweep_steps = vec![Call::to(read_config).step(), Call::to(discovery.product).retried(1).step()];
        let sweep = self.operation(scheduler, &Endpoint::Local { name: "warm caches" }, 2, sweep_steps);
        self.system.add_entry(sweep, 1);
    }
}
